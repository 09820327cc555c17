#include "rollout/engine_memory.hpp"

#include "core/model/transformer_memory.hpp"
#include "rollout/engine.hpp"
#include "rollout/kv_pages.hpp"
#include "rollout/schedule.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace cogent::rollout {

std::int64_t pages_needed(std::span<const RolloutRequest> requests, const EngineOptions& options) {
  std::vector<std::int64_t> prompt_pages;
  std::int64_t own_pages = 0;
  std::int64_t completions = 0;
  for (const RolloutRequest& request : requests) {
    prompt_pages.push_back(pages_of_prompt(request, options.page_rows));
    own_pages =
        std::max(own_pages, pages_of_completion(request, options.page_rows) - prompt_pages.back());
    completions += request.group_size;
  }
  const std::int64_t slots = std::min(options.max_sequences, completions);
  std::sort(prompt_pages.rbegin(), prompt_pages.rend());
  prompt_pages.resize(std::min(prompt_pages.size(), static_cast<std::size_t>(slots)));
  return std::accumulate(prompt_pages.begin(), prompt_pages.end(), slots * own_pages);
}

EngineMemory engine_memory(const model::ModelConfig& config, at::ScalarType compute,
                           const EngineOptions& options, std::span<const RolloutRequest> requests,
                           std::int64_t threads) {
  constexpr std::int64_t kFloat = 4;
  constexpr std::int64_t kDistributions =
      3;  // weights, penalised logits, kept tokens (sampling.hpp)
  std::int64_t prompt_rows = 0;
  std::int64_t longest_prompt = 0;
  std::int64_t completions = 0;
  for (const RolloutRequest& request : requests) {
    const auto length = static_cast<std::int64_t>(request.prompt_ids.size());
    prompt_rows += length;
    longest_prompt = std::max(longest_prompt, length);
    completions += request.group_size;
  }
  const std::int64_t page_bytes = model::kv_row_bytes(config, compute) * options.page_rows;
  std::int64_t pages = pages_needed(requests, options);
  if (options.kv_cache_bytes > 0) {
    pages = std::min(pages, options.kv_cache_bytes / page_bytes);
  }
  const std::int64_t slots = std::min(options.max_sequences, completions);
  const std::int64_t rows = std::max(slots, std::min(options.max_batch_rows + slots, prompt_rows));
  const std::int64_t stored =
      completions > slots ? std::min(slots, static_cast<std::int64_t>(requests.size())) : 0;
  const model::PassShape shape{
      .rows = rows, .pairs = std::min(options.max_batch_rows, longest_prompt) * longest_prompt};
  return {.kv_cache = pages * page_bytes,
          .forward = model::block_forward_bytes(config, shape, compute) +
                     model::row_plan_bytes(config, rows),
          .logits = kFloat * config.vocab_size *
                        (std::min(slots, kLogitRows) + stored + kDistributions * threads) +
                    model::wide_head_bytes(config, compute)};
}

}  // namespace cogent::rollout
