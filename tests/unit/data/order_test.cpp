#include "core/data/order.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace cogent::data {
namespace {

std::vector<std::uint32_t> sorted(std::vector<std::uint32_t> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<std::uint32_t> first_rows(std::uint32_t count) {
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

TEST(Order, SftEpochsArePermutations) {
  const auto first = sft_epoch_order(100, 5, 0);
  EXPECT_EQ(sorted(first), first_rows(100));
  EXPECT_NE(first, first_rows(100));
  EXPECT_EQ(first, sft_epoch_order(100, 5, 0));
  EXPECT_NE(first, sft_epoch_order(100, 5, 1));
  EXPECT_NE(first, sft_epoch_order(100, 6, 0));
  EXPECT_TRUE(sft_epoch_order(0, 5, 0).empty());
}

TEST(Order, GrpoStepsNeverCrossAnEpoch) {
  // 10 rows, 4 a step: two steps an epoch, two rows left out.
  EXPECT_EQ(grpo_steps_per_epoch(10, 4), 2U);
  for (std::uint32_t epoch = 0; epoch < 20; ++epoch) {
    std::set<std::uint32_t> seen;
    for (std::uint32_t step = 2 * epoch; step < 2 * epoch + 2; ++step) {
      const auto rows = grpo_step_rows(10, 4, 3, step);
      ASSERT_EQ(rows.size(), 4U);
      seen.insert(rows.begin(), rows.end());
    }
    EXPECT_EQ(seen.size(), 8U);
  }
  EXPECT_NE(grpo_step_rows(10, 4, 3, 0), grpo_step_rows(10, 4, 3, 2));
}

TEST(Order, GrpoStepsAreCutsOfTheEpochsShuffle) {
  const auto epoch = sft_epoch_order(10, 3, 7);
  EXPECT_EQ(grpo_step_rows(10, 4, 3, 15),
            std::vector<std::uint32_t>(epoch.begin() + 4, epoch.begin() + 8));
}

TEST(Order, ARoundTakesRowsThatTheStepHasNotUsed) {
  for (std::uint32_t step = 0; step < 6; ++step) {
    EXPECT_EQ(grpo_round_rows(23, 4, 3, 9, step, 0), grpo_step_rows(23, 4, 9, step));
    std::vector<std::uint32_t> all;
    // 4 rows, then 19 others: six rounds of 3 and one of 1.
    for (std::uint32_t round = 0; round <= 7; ++round) {
      const auto rows = grpo_round_rows(23, 4, 3, 9, step, round);
      EXPECT_EQ(rows.size(), round == 0 ? 4U : round < 7 ? 3U : 1U) << "round " << round;
      all.insert(all.end(), rows.begin(), rows.end());
    }
    EXPECT_EQ(sorted(all), first_rows(23)) << "step " << step;
    EXPECT_TRUE(grpo_round_rows(23, 4, 3, 9, step, 8).empty());
    EXPECT_TRUE(grpo_round_rows(23, 4, 3, 9, step, 4095).empty());
  }
}

TEST(Order, RoundsDependOnSeedAndStep) {
  const auto refills = [](std::uint64_t seed, std::uint32_t step) {
    return grpo_round_rows(100, 4, 96, seed, step, 1);
  };
  EXPECT_EQ(refills(3, 7), refills(3, 7));
  EXPECT_NE(refills(3, 7), refills(4, 7));
  EXPECT_NE(refills(3, 7), refills(3, 8));
  // A cut of one order, whatever the rounds' size.
  const auto one = refills(3, 7);
  const auto second = grpo_round_rows(100, 4, 10, 3, 7, 2);
  EXPECT_EQ(second, std::vector<std::uint32_t>(one.begin() + 10, one.begin() + 20));
}

// Of a second implementation of Philox and of the shuffle, in Python.
TEST(Order, GoldenRounds) {
  EXPECT_EQ(grpo_round_rows(10, 4, 4, 3, 5, 0), (std::vector<std::uint32_t>{3, 2, 1, 7}));
  EXPECT_EQ(grpo_round_rows(10, 4, 4, 3, 5, 1), (std::vector<std::uint32_t>{9, 5, 0, 8}));
  EXPECT_EQ(grpo_round_rows(10, 4, 4, 3, 5, 2), (std::vector<std::uint32_t>{4, 6}));
}

TEST(Order, AStepThatNeedsAllRowsHasNoSecondRound) {
  EXPECT_EQ(grpo_round_rows(4, 4, 4, 3, 0, 0).size(), 4U);
  EXPECT_TRUE(grpo_round_rows(4, 4, 4, 3, 0, 1).empty());
}

TEST(Order, SaysWhatDoesNotFit) {
  EXPECT_THROW(grpo_step_rows(3, 4, 1, 0), Error);
  EXPECT_THROW(grpo_step_rows(3, 0, 1, 0), Error);
}

TEST(Order, MixesByCappedSize) {
  const std::vector<std::uint32_t> sizes = {30'000, 10'000, 5'000, 0};
  const auto rows = stratified_rows(sizes, 5'000, 1);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].size(), 2'000U);
  EXPECT_EQ(rows[1].size(), 2'000U);
  EXPECT_EQ(rows[2].size(), 1'000U);
  EXPECT_TRUE(rows[3].empty());
  EXPECT_EQ(std::set(rows[0].begin(), rows[0].end()).size(), 2'000U);
  EXPECT_TRUE(std::is_sorted(rows[0].begin(), rows[0].end()));
  EXPECT_GT(rows[0].back(), 20'000U);
  EXPECT_NE(rows[1], stratified_rows(sizes, 5'000, 2)[1]);
  const auto all = stratified_rows(sizes, 100'000, 1);
  EXPECT_EQ(all[2], first_rows(5'000));
}

}  // namespace
}  // namespace cogent::data
