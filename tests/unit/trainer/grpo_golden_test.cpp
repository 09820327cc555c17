#include "trainer/advantage.hpp"
#include "trainer/aggregation.hpp"
#include "trainer/policy_loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace cogent::trainer {
namespace {

// The golden case: four completions of one prompt, rewards weighted 10 and 1; values to 1e-6 from
// an independent float64 computation of TRL's and verl's published formulas.
constexpr double kTolerance = 1e-6;

TokenTerm token(double logprob, double old, double reference) {
  return {.logprob = logprob, .old = old, .behavior = old, .reference = reference};
}

const std::vector<std::vector<double>> kRewards = {
    {10 * 0.5 + 1, 10 * 0 + 1, 10 * 1 + 1, 10 * 0 + 0}};
const std::vector<std::vector<TokenTerm>> kRows = {
    {token(-1.0, -1.3, -1.1)},
    {token(-.5, -.5, -.6), token(-2.0, -1.6, -1.9), token(-.1, -.1, -.1)},
    {token(-.7, -1.1, -.9), token(-.2, -.25, -.3)},
    {token(-.3, -1.8, -1.0), token(-.4, -.3, -.4), token(-1.2, -1.2, -1.0),
     token(-.05, -.06, -.05)}};

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
  const auto advantages = group_advantages(kRewards, settings)[0];
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
    for (const TokenLoss& loss : sequence_loss(settings, advantages[row], kRows[row])) {
      totals.loss += loss.value * token_weight(settings.loss, normaliser,
                                               static_cast<std::int64_t>(kRows[row].size()));
      totals.mean_kl += loss.kl / static_cast<double>(normaliser.tokens);
    }
  }
  return totals;
}

GrpoSettings scaled_by(ScaleRewards scale) {
  GrpoSettings settings;
  settings.scale_rewards = scale;
  return settings;
}

TEST(GroupAdvantages, GoldenNumbers) {
  const auto group = group_advantages(kRewards, scaled_by(ScaleRewards::kGroup))[0];
  const double trl[] = {.296072, -.690836, 1.282980, -.888217};
  GrpoSettings verl = scaled_by(ScaleRewards::kGroup);
  verl.scale_eps = 1e-6;
  const auto small_eps = group_advantages(kRewards, verl)[0];
  const double published_verl[] = {.296078, -.690849, 1.283006, -.888235};
  const auto none = group_advantages(kRewards, scaled_by(ScaleRewards::kNone))[0];
  const double centred[] = {1.5, -3.5, 6.5, -4.5};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(group[i], trl[i], kTolerance);
    EXPECT_NEAR(small_eps[i], published_verl[i], kTolerance);
    EXPECT_NEAR(none[i], centred[i], kTolerance);
  }
}

TEST(GroupAdvantages, BatchScaleUsesAllRewardsButTheGroupsMean) {
  const std::vector<std::vector<double>> rewards = {{1, 3}, {10, 14}};
  const auto advantages = group_advantages(rewards, scaled_by(ScaleRewards::kBatch));
  const double std_all = std::sqrt(
      ((1. - 7) * (1 - 7) + (3. - 7) * (3 - 7) + (10. - 7) * (10 - 7) + (14. - 7) * (14 - 7)) / 3);
  EXPECT_NEAR(advantages[0][0], -1 / (std_all + 1e-4), 1e-12);
  EXPECT_NEAR(advantages[1][1], 2 / (std_all + 1e-4), 1e-12);
}

TEST(GroupAdvantages, LeaveOneOutSubtractsTheMeanOfTheOthers) {
  GrpoSettings settings = scaled_by(ScaleRewards::kNone);
  settings.baseline = Baseline::kLeaveOneOut;
  const auto advantages = group_advantages(kRewards, settings)[0];
  EXPECT_NEAR(advantages[0], 6 - (1. + 11 + 0) / 3, 1e-12);
  EXPECT_NEAR(advantages[2], 11 - (6. + 1 + 0) / 3, 1e-12);
}

// The mean of three times 0.1 is not 0.1 in float64.
TEST(GroupAdvantages, AGroupWithoutVarianceHasNone) {
  const std::vector<std::vector<double>> rewards = {{2, 2, 2}, {.1, .1, .1}, {5}, {}};
  for (const Baseline baseline : {Baseline::kGroupMean, Baseline::kLeaveOneOut}) {
    for (const ScaleRewards scale :
         {ScaleRewards::kGroup, ScaleRewards::kBatch, ScaleRewards::kNone}) {
      GrpoSettings settings = scaled_by(scale);
      settings.baseline = baseline;
      settings.scale_eps = 0;
      const auto advantages = group_advantages(rewards, settings);
      EXPECT_EQ(advantages, (std::vector<std::vector<double>>{{0, 0, 0}, {0, 0, 0}, {0}, {}}));
    }
  }
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

// verl's dual clip is TRL's delta where it is above 1 + clip_high; its other aggregations have
// names of their own there: docs/objectives.md.
TEST(GrpoLoss, GoldenNumbersOfVerl) {
  const auto verl = [](LossType type) {
    GrpoSettings settings = golden_settings(type);
    settings.delta = 3;
    settings.scale_eps = 1e-6;
    return settings;
  };
  EXPECT_NEAR(total_loss(verl(LossType::kGrpo)).loss, .021681, kTolerance);
  EXPECT_NEAR(total_loss(verl(LossType::kDapo)).loss, .382843, kTolerance);
  EXPECT_NEAR(total_loss(verl(LossType::kDrGrpo)).loss, .239277, kTolerance);
  EXPECT_NEAR(total_loss(verl(LossType::kTokenSumNorm)).loss, 4 * .239277, 4 * kTolerance);
}

TEST(GrpoLoss, GoldenNumberOfTheSequenceRatio) {
  GrpoSettings settings = golden_settings(LossType::kGrpo);
  settings.ratio = RatioLevel::kSequence;
  settings.beta = 0;
  EXPECT_NEAR(total_loss(settings).loss, -.029371, kTolerance);
}

// The cases of the oracle hold every switch; these are the corners of the clip.
TEST(GrpoLoss, GradientIsTheFiniteDifference) {
  for (const double delta : {0.0, 3.0}) {
    GrpoSettings settings = golden_settings(LossType::kGrpo);
    settings.delta = delta;
    for (const double advantage : {-1.5, -0.2, 0.0, 0.7, 2.0}) {
      for (const double logprob : {-3.1, -1.3, -1.05, -0.95, -0.6, -0.1}) {
        const auto loss = [&](double at) {
          return sequence_loss(settings, advantage, std::vector{token(at, -1.0, -1.2)})[0];
        };
        const double h = 1e-6;
        const double difference = (loss(logprob + h).value - loss(logprob - h).value) / (2 * h);
        EXPECT_NEAR(loss(logprob).gradient, difference, 1e-7)
            << "advantage " << advantage << ", logprob " << logprob << ", delta " << delta;
      }
    }
  }
}

TEST(GrpoLoss, WhatHasNoGradient) {
  GrpoSettings settings = golden_settings(LossType::kGrpo);
  EXPECT_TRUE(has_gradient(settings, 0));  // of the KL term
  settings.kl_in = KlPlace::kReward;
  EXPECT_FALSE(has_gradient(settings, 0));
  EXPECT_TRUE(has_gradient(settings, 1e-9));
  settings.kl_in = KlPlace::kLoss;
  settings.beta = 0;
  EXPECT_FALSE(has_gradient(settings, 0));
  for (const TokenLoss& loss : sequence_loss(settings, 0, kRows[3])) {
    EXPECT_EQ(loss.value, 0);
    EXPECT_EQ(loss.gradient, 0);
  }
}

}  // namespace
}  // namespace cogent::trainer
