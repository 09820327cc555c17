#include "rollout/worker.hpp"

#include "core/base/error.hpp"
#include "core/ner/answer.hpp"
#include "rollout/completion_text.hpp"

#include <utility>

namespace cogent::rollout {

RolloutRequest training_request(const RunConfig& config, std::vector<std::int32_t> prompt_ids,
                                std::uint32_t prompt_id, std::uint32_t step, std::uint32_t round,
                                std::span<const std::int32_t> end_ids) {
  const RolloutSettings& settings = config.rollout;
  check(static_cast<std::int64_t>(prompt_ids.size()) <= settings.max_prompt_tokens,
        ErrorCode::kData, "the prompt of row ", prompt_id, " has ", prompt_ids.size(),
        " tokens, rollout.max_prompt_tokens is ", settings.max_prompt_tokens,
        ": drop the row or raise the limit");
  return {.seed = config.seed,
          .step = step,
          .round = round,
          .prompt_id = prompt_id,
          .group_size = static_cast<std::uint32_t>(settings.group_size),
          .prompt_ids = std::move(prompt_ids),
          .sampling = {.temperature = settings.temperature,
                       .top_p = static_cast<float>(settings.top_p),
                       .top_k = static_cast<std::int32_t>(settings.top_k),
                       .min_p = static_cast<float>(settings.min_p),
                       .repetition_penalty = static_cast<float>(settings.repetition_penalty),
                       .max_new_tokens = static_cast<std::int32_t>(settings.max_new_tokens),
                       .stop_ids = {end_ids.begin(), end_ids.end()}}};
}

Worker::Worker(const RunConfig& config, const model::Transformer& model,
               model::ModelWeights& weights, const text::Tokenizer& tokenizer,
               std::span<const std::int32_t> end_ids, LineProcess* reward_process)
    : config_(config),
      tokenizer_(tokenizer),
      end_ids_(end_ids.begin(), end_ids.end()),
      engine_(model, weights,
              {.draft_rows = config.rollout.draft_rows,
               .kv_cache_bytes = config.rollout.kv_cache_mb << 20}),
      rewards_(make_rewards(config.reward, config.metric.rules, config.rollout.max_new_tokens)) {
  if (reward_process != nullptr) {
    command_.emplace(*reward_process, config.reward);
  }
}

RolloutRequest Worker::request(std::vector<std::int32_t> prompt_ids, std::uint32_t prompt_id,
                               std::uint32_t step, std::uint32_t round) const {
  return training_request(config_, std::move(prompt_ids), prompt_id, step, round, end_ids_);
}

std::vector<RolloutGroup> Worker::draw(std::span<const RolloutRequest> requests,
                                       std::span<const Example> examples,
                                       std::uint32_t policy_version,
                                       const std::function<void(const EngineProgress&)>& progress) {
  check(requests.size() == examples.size(), ErrorCode::kUnexpected, "a worker is given ",
        requests.size(), " requests but ", examples.size(), " examples");
  std::vector<RolloutGroup> groups = engine_.generate(requests, progress);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i].policy_version = policy_version;
    score(examples[i], groups[i]);
  }
  if (command_) {
    failed_rewards_ += command_->score(examples, groups, [&](const Completion& completion) {
      return completion_text(tokenizer_, completion);
    });
  }
  return groups;
}

void Worker::score(const Example& example, RolloutGroup& group) {
  failed_rewards_ += std::erase_if(group.completions, [&](Completion& completion) {
    const std::string text = completion_text(tokenizer_, completion);
    completion.parse = ner::parse_answer(text, example.schema, config_.metric.rules).parse;
    return !score_completion(rewards_, example, text, completion);
  });
}

}  // namespace cogent::rollout
