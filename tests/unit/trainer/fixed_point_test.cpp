#include "trainer/fixed_point.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace cogent::trainer {
namespace {

// The oracle: exact in long double (64 bits of significand), the C library's rounding.
std::int64_t rounded(float value) {
  return std::llrint(std::ldexp(static_cast<long double>(value), 52));
}

std::vector<float> awkward_values(float limit) {
  std::vector<float> values = {0.0F,
                               -0.0F,
                               1.0F,
                               -1.0F,
                               limit,
                               -limit,
                               std::numeric_limits<float>::denorm_min(),
                               0x1p-52F,
                               0x1p-53F,  // halfway to one unit: to even, 0
                               0x3p-53F,  // halfway to two units: to even, 2
                               -0x1p-53F,
                               -0x3p-53F,
                               0x1.000002p-53F,
                               0x1p-21F,  // 2^31 units: where the two parts of a conversion meet
                               0x1.8p-21F,
                               -0x1p-21F,
                               0x1.fffffep-22F};
  std::mt19937_64 generator(7);
  std::uniform_real_distribution<float> significand(-2, 2);
  std::uniform_int_distribution<int> exponent(-70, 9);
  while (values.size() < 5000) {
    values.push_back(std::ldexp(significand(generator), exponent(generator)));
  }
  return values;
}

TEST(FixedPoint, EveryValueIsRoundedOnceToNearestEven) {
  const float limit = fixed_point_limit(1);
  const std::vector<float> values = awkward_values(limit);
  std::vector<float> taken = values;
  std::vector<std::int64_t> sums(values.size(), 3);
  EXPECT_TRUE(add_fixed_point(taken, limit, sums));
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(sums[i], rounded(values[i]) + 3) << values[i];
    ASSERT_EQ(taken[i], 0.0F);
  }
}

TEST(FixedPoint, SumsDoNotDependOnOrderOrLength) {
  std::vector<float> values = awkward_values(0.25F);
  std::erase_if(values, [](float value) { return std::abs(value) > 0.25F; });
  std::vector<float> reversed(values.rbegin(), values.rend());
  std::vector<std::int64_t> one_by_one(1, 0);
  for (float& value : values) {
    ASSERT_TRUE(add_fixed_point({&value, 1}, 0.25F, one_by_one));
  }
  std::vector<std::int64_t> many(reversed.size(), 0);
  ASSERT_TRUE(add_fixed_point(reversed, 0.25F, many));
  EXPECT_EQ(std::accumulate(many.begin(), many.end(), std::int64_t{0}), one_by_one[0]);
}

TEST(FixedPoint, TheLimitIsTheLargestValueThatFits) {
  for (const std::int64_t conversions : {1, 2, 3, 5, 64, 1000, 12345}) {
    const std::int64_t most = std::numeric_limits<std::int64_t>::max() / conversions;
    const float limit = fixed_point_limit(conversions);
    const float above = std::nextafter(limit, std::numeric_limits<float>::infinity());
    EXPECT_LE(std::ldexp(static_cast<long double>(limit), 52), static_cast<long double>(most));
    EXPECT_GT(std::ldexp(static_cast<long double>(above), 52), static_cast<long double>(most));
    std::vector<std::int64_t> sum(1, 0);
    for (std::int64_t i = 0; i < conversions; ++i) {
      float value = -limit;
      ASSERT_TRUE(add_fixed_point({&value, 1}, limit, sum));
    }
    EXPECT_EQ(sum[0], -conversions * rounded(limit));
  }
}

TEST(FixedPoint, ValuesThatAreNotFiniteOrTooLargeAreTold) {
  const float limit = fixed_point_limit(4);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
        std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::nextafter(limit, 1e30F), -std::nextafter(limit, 1e30F),
        std::numeric_limits<float>::max()}) {
    for (const std::size_t place : {0, 7, 1023, 1024, 2999}) {
      std::vector<float> values(3000, 0.5F);
      values[place] = bad;
      std::vector<std::int64_t> sums(values.size(), 0);
      EXPECT_FALSE(add_fixed_point(values, limit, sums)) << bad << " at " << place;
      EXPECT_TRUE(std::all_of(values.begin(), values.end(), [](float v) { return v == 0; }));
    }
  }
}

TEST(FixedPoint, SumsBecomeFloatsOnce) {
  std::vector<std::int64_t> sums = {0,
                                    1,
                                    -1,
                                    (std::int64_t{1} << 24) + 1,  // halfway: to even
                                    (std::int64_t{1} << 24) + 3,
                                    std::numeric_limits<std::int64_t>::max(),
                                    std::numeric_limits<std::int64_t>::min()};
  std::mt19937_64 generator(11);
  for (int bits = 1; bits < 64; ++bits) {
    sums.push_back(static_cast<std::int64_t>(generator()) >> bits);
  }
  std::vector<float> values(sums.size());
  fixed_point_values(sums, values);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    // A long double holds every int64 exactly.
    const auto expected = static_cast<float>(std::ldexp(static_cast<long double>(sums[i]), -52));
    EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::bit_cast<std::uint32_t>(expected));
  }
}

}  // namespace
}  // namespace cogent::trainer
