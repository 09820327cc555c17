#include "trainer/advantage.hpp"
#include "trainer/losses.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace cogent::trainer {
namespace {

// The golden case: four completions of one prompt, rewards weighted 10 and 1; values to 1e-6 from
// an independent float64 computation of TRL's and verl's published formulas.
constexpr double kTolerance = 1e-6;
const std::vector<std::vector<double>> kRewards = {
    {10 * 0.5 + 1, 10 * 0 + 1, 10 * 1 + 1, 10 * 0 + 0}};
const std::vector<std::vector<TokenTerm>> kRows = {
    {{-1.0, -1.3, -1.1}},
    {{-.5, -.5, -.6}, {-2.0, -1.6, -1.9}, {-.1, -.1, -.1}},
    {{-.7, -1.1, -.9}, {-.2, -.25, -.3}},
    {{-.3, -1.8, -1.0}, {-.4, -.3, -.4}, {-1.2, -1.2, -1.0}, {-.05, -.06, -.05}}};

struct Totals {
  double loss = 0;
  double mean_kl = 0;
};

GrpoSettings golden_settings(LossType type) {
  GrpoSettings settings;
  settings.loss = type;
  settings.clip_low = 0.2;
  settings.clip_high = 0.28;
  settings.beta = 0.04;
  return settings;
}

Totals total_loss(const GrpoSettings& settings, int masked_row = -1) {
  const auto advantages = group_advantages(kRewards, settings.scale_rewards)[0];
  LossNormaliser normaliser{.sequences = 4, .tokens = 0, .max_new_tokens = 4};
  for (std::size_t row = 0; row < kRows.size(); ++row) {
    if (static_cast<int>(row) != masked_row) {
      normaliser.tokens += static_cast<std::int64_t>(kRows[row].size());
    }
  }
  Totals totals;
  for (std::size_t row = 0; row < kRows.size(); ++row) {
    if (static_cast<int>(row) == masked_row) {
      continue;
    }
    for (const TokenTerm& term : kRows[row]) {
      const TokenLoss loss = grpo_token_loss(settings, advantages[row], term);
      totals.loss += loss.value * token_weight(settings.loss, normaliser,
                                               static_cast<std::int64_t>(kRows[row].size()));
      totals.mean_kl += loss.kl / static_cast<double>(normaliser.tokens);
    }
  }
  return totals;
}

TEST(GroupAdvantages, GoldenNumbers) {
  const auto group = group_advantages(kRewards, ScaleRewards::kGroup)[0];
  const double expected[] = {.296072, -.690836, 1.282980, -.888217};
  const auto none = group_advantages(kRewards, ScaleRewards::kNone)[0];
  const double centred[] = {1.5, -3.5, 6.5, -4.5};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(group[i], expected[i], kTolerance);
    EXPECT_NEAR(none[i], centred[i], kTolerance);
  }
}

TEST(GroupAdvantages, BatchScaleUsesAllRewardsButTheGroupsMean) {
  const std::vector<std::vector<double>> rewards = {{1, 3}, {10, 14}};
  const auto advantages = group_advantages(rewards, ScaleRewards::kBatch);
  const double std_all = std::sqrt(
      ((1. - 7) * (1 - 7) + (3. - 7) * (3 - 7) + (10. - 7) * (10 - 7) + (14. - 7) * (14 - 7)) / 3);
  EXPECT_NEAR(advantages[0][0], -1 / (std_all + 1e-4), 1e-12);
  EXPECT_NEAR(advantages[1][1], 2 / (std_all + 1e-4), 1e-12);
}

TEST(GroupAdvantages, AGroupWithoutVarianceHasNone) {
  const std::vector<std::vector<double>> rewards = {{2, 2, 2}};
  const auto advantages = group_advantages(rewards, ScaleRewards::kGroup);
  EXPECT_EQ(advantages[0], (std::vector<double>{0, 0, 0}));
}

TEST(GrpoLoss, GoldenNumbers) {
  EXPECT_NEAR(total_loss(golden_settings(LossType::kGrpo)).loss, .103935, kTolerance);
  EXPECT_NEAR(total_loss(golden_settings(LossType::kDapo)).loss, .514441, kTolerance);
  EXPECT_NEAR(total_loss(golden_settings(LossType::kBnpo)).loss, .514441, kTolerance);
  EXPECT_NEAR(total_loss(golden_settings(LossType::kDrGrpo)).loss, .321526, kTolerance);
  EXPECT_NEAR(total_loss(golden_settings(LossType::kGrpo)).mean_kl, .025640, kTolerance);
}

TEST(GrpoLoss, GoldenNumbersWithDualClip) {
  const auto with_delta = [](LossType type) {
    GrpoSettings settings = golden_settings(type);
    settings.delta = 3;
    return settings;
  };
  EXPECT_NEAR(total_loss(with_delta(LossType::kGrpo)).loss, .021681, kTolerance);
  EXPECT_NEAR(total_loss(with_delta(LossType::kDapo)).loss, .382835, kTolerance);
  EXPECT_NEAR(total_loss(with_delta(LossType::kDrGrpo)).loss, .239272, kTolerance);
}

TEST(GrpoLoss, GoldenNumbersWithAMaskedRow) {
  EXPECT_NEAR(total_loss(golden_settings(LossType::kGrpo), 3).loss, -.307221, kTolerance);
  EXPECT_NEAR(total_loss(golden_settings(LossType::kDapo), 3).loss, -.239012, kTolerance);
  EXPECT_NEAR(total_loss(golden_settings(LossType::kDrGrpo), 3).loss, -.089629, kTolerance);
  EXPECT_NEAR(total_loss(golden_settings(LossType::kGrpo), 3).mean_kl, .006402, kTolerance);
}

TEST(GrpoLoss, GoldenNumbersWithoutScale) {
  const auto unscaled = [](LossType type) {
    GrpoSettings settings = golden_settings(type);
    settings.scale_rewards = ScaleRewards::kNone;
    return settings;
  };
  EXPECT_NEAR(total_loss(unscaled(LossType::kGrpo)).loss, .523541, kTolerance);
  EXPECT_NEAR(total_loss(unscaled(LossType::kDapo)).loss, 2.602159, kTolerance);
  EXPECT_NEAR(total_loss(unscaled(LossType::kDrGrpo)).loss, 1.626349, kTolerance);
}

TEST(GrpoLoss, GradientIsTheFiniteDifference) {
  for (const double delta : {0.0, 3.0}) {
    GrpoSettings settings = golden_settings(LossType::kGrpo);
    settings.delta = delta;
    for (const double advantage : {-1.5, -0.2, 0.0, 0.7, 2.0}) {
      for (const double logprob : {-3.1, -1.3, -1.05, -0.95, -0.6, -0.1}) {
        const TokenTerm term{logprob, -1.0, -1.2};
        const double h = 1e-6;
        const double up =
            grpo_token_loss(settings, advantage, {logprob + h, term.old, term.reference}).value;
        const double down =
            grpo_token_loss(settings, advantage, {logprob - h, term.old, term.reference}).value;
        EXPECT_NEAR(grpo_token_loss(settings, advantage, term).gradient, (up - down) / (2 * h),
                    1e-7)
            << "advantage " << advantage << ", logprob " << logprob << ", delta " << delta;
      }
    }
  }
}

}  // namespace
}  // namespace cogent::trainer
