#pragma once

#include "core/config/run_config.hpp"
#include "core/text/tokenizer.hpp"
#include "rollout/engine.hpp"
#include "rollout/reward/command_reward.hpp"
#include "rollout/reward/reward.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cogent::rollout {

// One prompt's draw in a training step, by the run's settings.
RolloutRequest training_request(const RunConfig& config, std::vector<std::int32_t> prompt_ids,
                                std::uint32_t prompt_id, std::uint32_t step, std::uint32_t round,
                                std::span<const std::int32_t> end_ids);

// Draws completions and scores them: the whole of a rollout worker but for its channels. Model,
// weights and tokenizer are referenced; the weights may change between two calls.
class Worker {
 public:
  // `reward_process`: the started program of reward.command, null where there is none.
  Worker(const RunConfig& config, const model::Transformer& model, model::ModelWeights& weights,
         const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_ids,
         LineProcess* reward_process = nullptr);

  // request() of this worker's settings: see training_request.
  RolloutRequest request(std::vector<std::int32_t> prompt_ids, std::uint32_t prompt_id,
                         std::uint32_t step, std::uint32_t round = 0) const;

  // Groups in the order of the requests, each of examples[i], with rewards, their weighted sum, how
  // the answers read, and the version. A completion whose reward failed is counted and left out of
  // its group.
  std::vector<RolloutGroup> draw(std::span<const RolloutRequest> requests,
                                 std::span<const Example> examples, std::uint32_t policy_version,
                                 const std::function<void(const EngineProgress&)>& progress = {});

  // How completions were drawn since the last call.
  EngineStatistics take_statistics() { return engine_.take_statistics(); }
  // Gives the memory of keys and values back until the next draw().
  void release_cache() { engine_.release_cache(); }
  std::int64_t failed_rewards() const { return failed_rewards_; }  // since the start

 private:
  void score(const Example& example, RolloutGroup& group);

  const RunConfig& config_;
  const text::Tokenizer& tokenizer_;
  std::vector<std::int32_t> end_ids_;
  Engine engine_;
  std::vector<WeightedReward> rewards_;
  std::optional<CommandReward> command_;
  std::int64_t failed_rewards_ = 0;
};

}  // namespace cogent::rollout
