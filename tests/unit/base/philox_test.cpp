#include "core/base/philox.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

namespace cogent {
namespace {

// Random123 1.09, tests/kat_vectors: philox4x32 10.
TEST(Philox, PublishedVectors) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, LayoutOfTheAddress) {
  const DrawAddress address{.seed = 0x1122334455667788,
                            .stream = RandomStream::kDataOrder,
                            .position = 5,
                            .completion = 7,
                            .round = 3,
                            .step = 11,
                            .prompt = 13};
  EXPECT_EQ(draw_words(address),
            philox4x32_10({5u | 1u << 24, 7u | 3u << 20, 11, 13}, {0x55667788, 0x11223344}));
}

TEST(Philox, AFieldPastItsWidthIsAnError) {
  EXPECT_THROW(draw_words({.position = 1u << 24}), Error);
  EXPECT_THROW(draw_words({.completion = 1u << 20}), Error);
  EXPECT_THROW(draw_words({.round = 1u << 12}), Error);
}

TEST(Philox, UniformIsInRangeAndHasTheRightMean) {
  double sum = 0;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const double u = draw_uniform({.seed = 42, .position = i});
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
  }
  EXPECT_NEAR(sum / 100000, 0.5, 0.004);  // 4 standard errors
}

TEST(Philox, DrawBelowCoversItsRangeEvenly) {
  int counts[7] = {};
  for (std::uint32_t i = 0; i < 70000; ++i) {
    ++counts[draw_below(7, {.seed = 1, .position = i})];
  }
  for (const int count : counts) {
    EXPECT_NEAR(count, 10000, 400);
  }
}

}  // namespace
}  // namespace cogent
