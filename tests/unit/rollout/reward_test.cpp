#include "rollout/reward/reward.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace cogent::rollout {
namespace {

Example example() {
  Example made;
  made.row = 3;
  made.sentence = "Ada met Bo.";
  made.schema = {"person"};
  made.entities = {{"Ada", "person"}, {"Bo", "person"}};
  return made;
}

// Neither f1 nor schema: what a test sets is all that counts.
RewardSettings nothing() {
  RewardSettings settings;
  settings.f1 = 0;
  settings.schema = 0;
  return settings;
}

TEST(Rewards, SumTheWeightedValues) {
  const auto rewards = make_rewards(RewardSettings(), MetricRules::kCorrected, 8);
  Completion completion;
  EXPECT_TRUE(
      score_completion(rewards, example(), R"({"entities": {"person": ["Ada"]}})", completion));
  ASSERT_EQ(completion.rewards.size(), 2U);
  EXPECT_EQ(completion.rewards[0].first, "f1");
  EXPECT_NEAR(completion.rewards[0].second, 2.0 / 3, 1e-12);
  EXPECT_EQ(completion.rewards[1], (std::pair<std::string, double>("schema", 1)));
  EXPECT_NEAR(completion.reward, 10 * 2.0 / 3 + 1, 1e-12);
  EXPECT_TRUE(score_completion(rewards, example(), "nothing", completion));
  EXPECT_EQ(completion.reward, 0);
  EXPECT_EQ(completion.rewards.size(), 2U) << "scoring again replaces the old values";
}

TEST(Rewards, LengthIsTheTextsShareOfEightBytesAToken) {
  RewardSettings settings = nothing();
  settings.length = 2;
  const auto rewards = make_rewards(settings, MetricRules::kCorrected, 8);
  Completion completion;
  EXPECT_TRUE(score_completion(rewards, example(), std::string(48, 'x'), completion));
  EXPECT_EQ(completion.rewards.back(), (std::pair<std::string, double>("length", 0.75)));
  EXPECT_EQ(completion.reward, 1.5);
  EXPECT_TRUE(score_completion(rewards, example(), std::string(200, 'x'), completion));
  EXPECT_EQ(completion.reward, 2) << "never more than the whole";
}

TEST(Rewards, OverlongFallsOverTheBuffer) {
  RewardSettings settings = nothing();
  settings.overlong = 3;
  settings.overlong_buffer = 4;
  const auto rewards = make_rewards(settings, MetricRules::kCorrected, 10);
  const auto reward_of = [&](std::size_t length) {
    Completion completion;
    completion.ids.resize(length);
    EXPECT_TRUE(score_completion(rewards, example(), "", completion));
    return completion.reward;
  };
  EXPECT_EQ(reward_of(1), 0);
  EXPECT_EQ(reward_of(6), 0);
  EXPECT_EQ(reward_of(7), -0.75);
  EXPECT_EQ(reward_of(10), -3);
  EXPECT_EQ(overlong_penalty(12, 10, 4), -1);
}

class FailingReward final : public Reward {
 public:
  const char* name() const override { return "failing"; }
  double score(const Example&, const Completion&, std::string_view text) const override {
    if (text == "throw") {
      fail(ErrorCode::kCommunication, "nobody answers");
    }
    return text == "nan" ? std::numeric_limits<double>::quiet_NaN() : 1;
  }
};

TEST(Rewards, AFailureIsAValue) {
  std::vector<WeightedReward> rewards;
  rewards.push_back({std::make_unique<FailingReward>(), 1});
  Completion completion;
  EXPECT_TRUE(score_completion(rewards, example(), "fine", completion));
  for (const char* text : {"throw", "nan"}) {
    EXPECT_FALSE(score_completion(rewards, example(), text, completion));
    EXPECT_TRUE(completion.rewards.empty());
    EXPECT_EQ(completion.reward, 0);
  }
}

}  // namespace
}  // namespace cogent::rollout
