#pragma once

#include "core/config/run_config.hpp"
#include "core/records/records.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::rollout {

// Judges one completion. `text`: the completion decoded, without its end token and other special
// tokens. A reward may throw (one that asks an outside service can fail): the worker counts that.
class Reward {
 public:
  virtual ~Reward() = default;
  virtual const char* name() const = 0;
  virtual double score(const Example& example, const Completion& completion,
                       std::string_view text) const = 0;
};

struct WeightedReward {
  std::unique_ptr<const Reward> reward;
  double weight = 0;
};

// 0 for a completion of at most budget - buffer tokens, falling to -1 at the budget. buffer: at
// least 1. Source: DAPO, arXiv 2503.14476, soft overlong punishment.
double overlong_penalty(std::int64_t length, std::int64_t budget, std::int64_t buffer);

// f1 and schema always, so that a run's metrics show both; others where their weight is not 0.
// `max_new_tokens`: the budget of a completion.
std::vector<WeightedReward> make_rewards(const RewardSettings& settings, MetricRules rules,
                                         std::int64_t max_new_tokens);

// Fills the completion's rewards by name and their weighted sum. False where a reward failed (the
// log says why): the completion then has no reward.
bool score_completion(const std::vector<WeightedReward>& rewards, const Example& example,
                      std::string_view text, Completion& completion);

}  // namespace cogent::rollout
