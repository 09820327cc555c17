#include "rollout/reward/reward.hpp"

#include "core/base/log.hpp"
#include "core/ner/reward.hpp"

#include <algorithm>
#include <cmath>
#include <exception>

namespace cogent::rollout {
namespace {

// Micro F1 of the entities, from 0 to 1.
class F1Reward final : public Reward {
 public:
  explicit F1Reward(MetricRules rules) : rules_(rules) {}
  const char* name() const override { return "f1"; }
  double score(const Example& example, const Completion&, std::string_view text) const override {
    return ner::ner_reward(example, text, rules_).f1;
  }

 private:
  MetricRules rules_;
};

// 1 where the answer keeps to the schema, else 0.
class SchemaReward final : public Reward {
 public:
  explicit SchemaReward(MetricRules rules) : rules_(rules) {}
  const char* name() const override { return "schema"; }
  double score(const Example& example, const Completion&, std::string_view text) const override {
    return ner::ner_reward(example, text, rules_).schema;
  }

 private:
  MetricRules rules_;
};

// Length of the text over the token budget's eight bytes a token. It differs between any two random
// texts, so that tests of the loop have advantages that are not zero.
class LengthReward final : public Reward {
 public:
  explicit LengthReward(std::int64_t budget) : budget_(budget) {}
  const char* name() const override { return "length"; }
  double score(const Example&, const Completion&, std::string_view text) const override {
    return std::min(1.0, static_cast<double>(text.size()) / static_cast<double>(8 * budget_));
  }

 private:
  std::int64_t budget_;  // tokens, at least 1
};

// DAPO's soft overlong punishment, from 0 to -1.
class OverlongReward final : public Reward {
 public:
  OverlongReward(std::int64_t budget, std::int64_t buffer) : budget_(budget), buffer_(buffer) {}
  const char* name() const override { return "overlong"; }
  double score(const Example&, const Completion& completion, std::string_view) const override {
    const auto length = static_cast<std::int64_t>(completion.ids.size());
    return overlong_penalty(length, budget_, buffer_);
  }

 private:
  std::int64_t budget_, buffer_;  // tokens
};

}  // namespace

double overlong_penalty(std::int64_t length, std::int64_t budget, std::int64_t buffer) {
  const auto left = static_cast<double>(budget - buffer - length);
  return std::clamp(left / static_cast<double>(buffer), -1.0, 0.0);
}

std::vector<WeightedReward> make_rewards(const RewardSettings& settings, MetricRules rules,
                                         std::int64_t max_new_tokens) {
  std::vector<WeightedReward> rewards;
  rewards.push_back({std::make_unique<F1Reward>(rules), settings.f1});
  rewards.push_back({std::make_unique<SchemaReward>(rules), settings.schema});
  if (settings.length != 0) {
    rewards.push_back({std::make_unique<LengthReward>(std::max<std::int64_t>(max_new_tokens, 1)),
                       settings.length});
  }
  if (settings.overlong != 0) {
    rewards.push_back({std::make_unique<OverlongReward>(max_new_tokens, settings.overlong_buffer),
                       settings.overlong});
  }
  return rewards;
}

bool score_completion(const std::vector<WeightedReward>& rewards, const Example& example,
                      std::string_view text, Completion& completion) {
  completion.rewards.clear();
  completion.reward = 0;
  for (const WeightedReward& weighted : rewards) {
    try {
      const double value = weighted.reward->score(example, completion, text);
      check(std::isfinite(value), ErrorCode::kData, "its value is ", value);
      completion.rewards.emplace_back(weighted.reward->name(), value);
      completion.reward += weighted.weight * value;
    } catch (const std::exception& failure) {
      log_warning("reward ", weighted.reward->name(), " failed on row ", example.row, ": ",
                  failure.what());
      completion.rewards.clear();
      completion.reward = 0;
      return false;
    }
  }
  return true;
}

}  // namespace cogent::rollout
