#include "trainer/batch_sums.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cogent::trainer {
namespace {

TEST(DifferenceBin, PowersOfTenBeginABin) {
  EXPECT_EQ(difference_bin(0), 0u);
  EXPECT_EQ(difference_bin(-0.0), 0u);
  EXPECT_EQ(difference_bin(1e-300), 1u);
  EXPECT_EQ(difference_bin(-9.9e-7), 1u);
  EXPECT_EQ(difference_bin(1e-6), 2u);
  EXPECT_EQ(difference_bin(9.9e-2), 6u);
  EXPECT_EQ(difference_bin(0.1), 7u);
  EXPECT_EQ(difference_bin(-1), 8u);
  EXPECT_EQ(difference_bin(std::numeric_limits<double>::infinity()), 8u);
  EXPECT_EQ(difference_bin(std::numeric_limits<double>::quiet_NaN()), 8u);
}

TEST(BatchSums, AddsTokensAndOtherSums) {
  BatchSums sums;
  sums.add({.value = 2, .ratio = 1.5, .kl = .25, .importance = 3, .bound = Bound::kHigh}, .5, 4);
  sums.add({.value = -1, .ratio = .25, .importance = .5, .bound = Bound::kLow}, .5, 1);
  sums.differences[3] = 2;
  BatchSums total;
  total.add({.value = 1, .ratio = 5, .bound = Bound::kDelta}, 1, 0);
  total.add(sums);
  EXPECT_EQ(total.loss, 1.5);
  EXPECT_EQ(total.tokens, 3);
  EXPECT_EQ(total.kl, .25);
  EXPECT_EQ(total.entropy, 5);
  EXPECT_EQ(total.ratio, 6.75);
  EXPECT_EQ(total.importance, 4.5);
  EXPECT_EQ(total.clipped_low, 1);
  EXPECT_EQ(total.clipped_high, 1);
  EXPECT_EQ(total.clipped_delta, 1);
  EXPECT_EQ(total.differences[3], 2);
  EXPECT_EQ(total.ratio_deviation, 4);
  EXPECT_EQ(total.importance_max, 3);
}

TEST(BatchSums, AMaximumOfWhatIsNoNumberIsNone) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  BatchSums sums;
  sums.add({.ratio = kNaN, .importance = kNaN}, 1, 0);
  EXPECT_TRUE(std::isnan(sums.ratio_deviation));
  EXPECT_TRUE(std::isnan(sums.importance_max));
  sums.add({.ratio = 3, .importance = 3}, 1, 0);
  EXPECT_TRUE(std::isnan(sums.ratio_deviation)) << "numbers behind it do not hide it";
  EXPECT_TRUE(std::isnan(sums.importance_max));
  BatchSums total;
  total.add({.ratio = 5, .importance = 5}, 1, 0);
  total.add(sums);
  total.add(BatchSums());
  EXPECT_TRUE(std::isnan(total.ratio_deviation));
  EXPECT_TRUE(std::isnan(total.importance_max));
}

}  // namespace
}  // namespace cogent::trainer
