#include "rollout/engine.hpp"

#include "core/base/error.hpp"
#include "core/model/panels.hpp"
#include "rollout/engine_memory.hpp"
#include "rollout/schedule.hpp"
#include "rollout/stop_text.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>

namespace cogent::rollout {
namespace {

// Draws the next token of every sequence of these rows. `logits[i]` [vocab] belongs to `rows[i]`.
// The tokens come back by row, then by sequence.
std::vector<std::vector<Draw>> draw_rows(const model::OpTable& ops,
                                         std::span<const RolloutRequest> requests,
                                         std::span<const DrawRow* const> rows,
                                         std::span<const std::span<const float>> logits,
                                         const Schedule& schedule) {
  std::vector<std::vector<Draw>> draws(rows.size());
  at::parallel_for(
      0, static_cast<std::int64_t>(rows.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        TokenDistribution distribution;
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
          const RolloutRequest& request = requests[rows[i]->request];
          const Sequence& first = schedule.active()[rows[i]->sequences.front()];
          distribution.prepare(logits[i], request.sampling,
                               {request.prompt_ids, schedule.completion_ids(first)});
          for (const std::size_t s : rows[i]->sequences) {
            const Sequence& sequence = schedule.active()[s];
            const auto position = static_cast<std::uint32_t>(rows[i]->position);
            const std::int32_t id =
                distribution.draw(draw_uniform(draw_address(request, sequence.index, position)));
            const double temperature = request.sampling.temperature;
            draws[i].push_back(
                {id, ops.row_logprob(logits[i], id, temperature == 0 ? 1 : temperature),
                 request.sampling.truncated_logprobs ? distribution.logprob(id) : 0});
          }
        }
      });
  return draws;
}

std::vector<RolloutGroup> empty_groups(std::span<const RolloutRequest> requests) {
  std::vector<RolloutGroup> groups;
  groups.reserve(requests.size());
  for (const RolloutRequest& request : requests) {
    groups.push_back({.step = request.step,
                      .round = request.round,
                      .prompt_id = request.prompt_id,
                      .prompt_ids = request.prompt_ids,
                      .completions = std::vector<Completion>(request.group_size)});
  }
  return groups;
}

}  // namespace

Engine::Engine(const model::Transformer& model, model::ModelWeights& weights, EngineOptions options)
    : model_(model), weights_(weights), options_(options) {
  check(options.max_sequences > 0 && options.max_batch_rows > 0, ErrorCode::kUsage,
        "the engine is asked for ", options.max_sequences, " sequences and ",
        options.max_batch_rows, " prompt rows at a time, at least 1 of both is needed");
  check(options.page_rows > 0, ErrorCode::kUsage, "the engine is asked for KV cache pages of ",
        options.page_rows, " rows, at least 1 is needed");
  check(options.kv_cache_bytes >= 0, ErrorCode::kUsage, "the engine is given ",
        options.kv_cache_bytes, " bytes of KV cache, a number from 0 (no bound) is needed");
}

std::vector<RolloutGroup> Engine::generate(
    std::span<const RolloutRequest> requests,
    const std::function<void(const EngineProgress&)>& progress) {
  using Clock = std::chrono::steady_clock;
  const c10::InferenceMode inference;
  const Clock::time_point start = Clock::now();
  const model::PanelScope panels(model_, weights_);
  EngineProgress state;
  EngineStatistics call;
  for (const RolloutRequest& request : requests) {
    check_request(request);
    state.completions += request.group_size;
  }
  std::vector<RolloutGroup> groups = empty_groups(requests);
  reserve_cache(requests);
  PagePool pages(cache_pages_, options_.page_rows);
  // Drafts change no draw only where a row's bits do not depend on the rows beside it.
  const bool drafts = model_.rows_are_independent() && model_.compute_type(weights_) == at::kFloat;
  const std::int64_t draft_rows = drafts ? options_.draft_rows : 0;
  Schedule schedule(requests, groups, {options_.max_sequences, options_.max_batch_rows, draft_rows},
                    pages, options_.tokenizer);
  while (!schedule.done()) {
    StepBatch batch = schedule.next();
    call.kv_pages_peak = std::max(call.kv_pages_peak, pages.pages() - pages.free_pages());
    call.steps += batch.ids.empty() ? 0 : 1;
    const at::Tensor hidden = batch.ids.empty() ? at::Tensor() : forward(batch);
    draw(requests, batch, hidden, schedule);
    schedule.finish_step();
    state.completion_tokens = schedule.tokens();
    state.finished = schedule.finished();
    if (progress) {
      progress(state);
    }
  }
  for (const RolloutRequest& request : requests) {
    call.prompt_tokens += static_cast<std::int64_t>(request.prompt_ids.size());
  }
  call.completion_tokens = schedule.tokens();
  call.drafted_tokens = schedule.drafted();
  call.accepted_tokens = schedule.accepted();
  call.preemptions = schedule.preemptions();
  call.recomputed_rows = schedule.prefill_rows() - call.prompt_tokens;
  call.kv_pages = pages.pages();
  call.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  add_call(statistics_, call);
  return groups;
}

void Engine::release_cache() {
  cache_ = {};
  cache_pages_ = 0;
}

void Engine::check_request(const RolloutRequest& request) const {
  check_sampling(request.sampling);
  check_stop_texts(request.sampling.stop_texts);
  check(request.sampling.stop_texts.empty() || options_.tokenizer != nullptr,
        ErrorCode::kUnexpected, "prompt ", request.prompt_id, " has ",
        request.sampling.stop_texts.size(), " stop texts, the engine has no tokenizer");
  check(request.group_size > 0, ErrorCode::kUsage, "prompt ", request.prompt_id, " is asked for ",
        request.group_size, " completions, at least 1 is needed");
  check(!request.prompt_ids.empty(), ErrorCode::kData, "prompt ", request.prompt_id,
        " has no tokens, at least 1 is needed");
  const auto length = static_cast<std::int64_t>(request.prompt_ids.size());
  check(length + request.sampling.max_new_tokens <= model_.config().max_positions,
        ErrorCode::kUsage, "prompt ", request.prompt_id, " has ", length, " tokens, with ",
        request.sampling.max_new_tokens, " more to draw that is ",
        length + request.sampling.max_new_tokens, ", the model has ", model_.config().max_positions,
        " positions: shorten the prompt or draw fewer tokens");
  check_fits(request);
}

void Engine::check_fits(const RolloutRequest& request) const {
  if (options_.kv_cache_bytes == 0) {
    return;
  }
  constexpr double kMegabyte = 1 << 20;
  const std::int64_t needed = pages_of_completion(request, options_.page_rows) * page_bytes();
  check(needed <= options_.kv_cache_bytes, ErrorCode::kUsage, "prompt ", request.prompt_id, " has ",
        request.prompt_ids.size(), " tokens, with ", request.sampling.max_new_tokens,
        " more to draw one completion takes ", static_cast<double>(needed) / kMegabyte,
        " MB of KV cache, rollout.kv_cache_mb allows ",
        static_cast<double>(options_.kv_cache_bytes) / kMegabyte,
        ": raise it, shorten the prompt or draw fewer tokens");
}

std::int64_t Engine::page_bytes() const {
  const model::ModelConfig& config = model_.config();
  const auto value_bytes =
      static_cast<std::int64_t>(c10::elementSize(model_.compute_type(weights_)));
  return 2 * config.num_layers * config.num_kv_heads * config.head_dim * value_bytes *
         options_.page_rows;
}

// As many pages as completions in progress can hold at a time, or as the bound allows.
void Engine::reserve_cache(std::span<const RolloutRequest> requests) {
  std::int64_t needed = pages_needed(requests, options_);
  if (options_.kv_cache_bytes > 0) {
    needed = std::min(needed, options_.kv_cache_bytes / page_bytes());
  }
  const at::ScalarType type = model_.compute_type(weights_);
  if (cache_.keys.empty() || needed > cache_pages_ || cache_.keys.front().scalar_type() != type) {
    cache_ = {};  // Frees the old pages first.
    cache_ = model::make_kv_cache(model_.config(), needed * options_.page_rows, type);
    cache_pages_ = needed;
  }
}

// Hidden states [rows, hidden] behind the last block.
at::Tensor Engine::forward(StepBatch& batch) {
  const model::RowPlan plan = model_.plan(batch.ids, batch.positions, std::move(batch.segments),
                                          batch.cache_rows, model_.compute_type(weights_));
  at::Tensor x = model_.embed(weights_.units.front(), plan);
  for (std::int64_t layer = 0; layer < model_.config().num_layers; ++layer) {
    x = model_.block(layer, weights_.units[static_cast<std::size_t>(layer) + 1], plan, x, &cache_,
                     nullptr);
  }
  return x;
}

void Engine::draw(std::span<const RolloutRequest> requests, const StepBatch& batch,
                  const at::Tensor& hidden, Schedule& schedule) {
  constexpr auto kRows = static_cast<std::size_t>(kLogitRows);
  for (std::size_t begin = 0; begin < batch.draws.size(); begin += kRows) {
    const auto part =
        std::span(batch.draws).subspan(begin, std::min(kRows, batch.draws.size() - begin));
    std::vector<std::int64_t> computed;
    for (const DrawRow& row : part) {
      if (row.row != DrawRow::kStored) {
        computed.push_back(row.row);
      }
    }
    at::Tensor logits;  // [computed, vocab]
    if (!computed.empty()) {
      logits = model_
                   .logits(weights_.units.back(), weights_.head_matrix(model_.config()), hidden,
                           computed)
                   .to(at::kFloat)
                   .contiguous();
    }
    const auto vocab = static_cast<std::size_t>(model_.config().vocab_size);
    const float* next = computed.empty() ? nullptr : logits.const_data_ptr<float>();
    std::vector<const DrawRow*> rows;
    std::vector<std::span<const float>> values;
    for (const DrawRow& row : part) {
      rows.push_back(&row);
      if (row.row == DrawRow::kStored) {
        values.push_back(schedule.stored_logits(row.request));
        continue;
      }
      values.emplace_back(next, vocab);
      next += vocab;
      if (schedule.wants_logits(row.request) && row.position == 0) {
        schedule.store_logits(row.request, values.back());
      }
    }
    const std::vector<std::vector<Draw>> draws =
        draw_rows(model_.ops(), requests, rows, values, schedule);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t j = 0; j < draws[i].size(); ++j) {
        schedule.accept(*rows[i], schedule.active()[rows[i]->sequences[j]], draws[i][j]);
      }
    }
  }
}

}  // namespace cogent::rollout
