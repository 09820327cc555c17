#include "distributed/reduce.hpp"

#include "distributed/split.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

namespace cogent::distributed {
namespace {

TEST(Reduce, BFloat16RoundsToNearestEven) {
  EXPECT_EQ(round_to_bfloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(round_to_bfloat16(1.0f + 1.0f / 256).bits, 0x3f80);  // a tie goes to even
  EXPECT_EQ(round_to_bfloat16(1.0f + 3.0f / 256).bits, 0x3f82);
  EXPECT_EQ(round_to_bfloat16(1.0f + 1.1f / 256).bits, 0x3f81);
  EXPECT_EQ(round_to_bfloat16(std::numeric_limits<float>::max()).bits, 0x7f80);  // infinity
  EXPECT_TRUE(std::isnan(to_float(round_to_bfloat16(std::nanf("")))));
  // A NaN whose payload lies in the bits that are cut.
  EXPECT_TRUE(std::isnan(to_float(round_to_bfloat16(std::bit_cast<float>(0x7f800001u)))));
}

TEST(Reduce, IntegersWrapAround) {
  std::int64_t value = std::numeric_limits<std::int64_t>::max();
  const std::int64_t one = 1;
  reduce(&value, &value, &one, 1, DataType::kInt64, ReduceOp::kSum);
  EXPECT_EQ(value, std::numeric_limits<std::int64_t>::min());
}

TEST(Reduce, NanWinsFromEitherSide) {
  const float nan = std::nanf("");
  for (const ReduceOp op : {ReduceOp::kMin, ReduceOp::kMax}) {
    std::array<float, 2> into = {nan, 1};
    const std::array<float, 2> values = {1, nan};
    reduce(into.data(), into.data(), values.data(), 2, DataType::kFloat32, op);
    EXPECT_TRUE(std::isnan(into[0]));
    EXPECT_TRUE(std::isnan(into[1]));
  }
}

// Long enough for vectors and their rest.
TEST(Reduce, TheResultMayTakeThePlaceOfEitherSide) {
  std::vector<float> a(1003);
  std::vector<float> b(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<float>(i);
    b[i] = static_cast<float>(i * i % 97);
  }
  std::vector<float> sum(a.size());
  const auto count = static_cast<std::int64_t>(a.size());
  reduce(sum.data(), a.data(), b.data(), count, DataType::kFloat32, ReduceOp::kSum);
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(sum[i], a[i] + b[i]) << i;
  }
  std::vector<float> first = a;
  reduce(first.data(), first.data(), b.data(), count, DataType::kFloat32, ReduceOp::kSum);
  EXPECT_EQ(first, sum);
  std::vector<float> second = b;
  reduce(second.data(), a.data(), second.data(), count, DataType::kFloat32, ReduceOp::kSum);
  EXPECT_EQ(second, sum);
}

TEST(Reduce, BFloat16IsAddedInFloatWhereTheSumIsWider) {
  const std::vector<BFloat16Bits> values = {round_to_bfloat16(1.0f), round_to_bfloat16(-0.375f)};
  std::vector<float> sums(values.size());
  widen(values, sums);
  EXPECT_EQ(sums, (std::vector<float>{1.0f, -0.375f}));
  sums = {1.0f / 4096, 0};
  add_widened(values, sums);
  EXPECT_EQ(sums, (std::vector<float>{1.0f + 1.0f / 4096, -0.375f}));
}

// Lengths around the blocks in which it goes.
TEST(Reduce, ValuesAreRoundedWhereTheyStand) {
  for (const std::size_t count : {0u, 1u, 2047u, 2048u, 2049u, 10000u}) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = 1.0f / static_cast<float>(3 + i);
    }
    const std::vector<float> before = values;
    const Buffer rounded = round_in_place(values);
    ASSERT_EQ(rounded.type, DataType::kBFloat16);
    ASSERT_EQ(rounded.count, static_cast<std::int64_t>(count));
    std::vector<BFloat16Bits> bits(count);
    if (count != 0) {
      std::memcpy(bits.data(), rounded.data, rounded.bytes());
    }
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(bits[i].bits, round_to_bfloat16(before[i]).bits) << i << " of " << count;
    }
  }
}

TEST(Split, CoversEveryValueOnce) {
  using Parts = std::vector<std::pair<std::int64_t, std::int64_t>>;
  const auto parts_of = [](std::int64_t count, std::int64_t limit) {
    Parts parts;
    for_each_part(count, limit, [&](std::int64_t offset, std::int64_t length) {
      parts.emplace_back(offset, length);
    });
    return parts;
  };
  EXPECT_EQ(parts_of(0, 4), Parts());
  EXPECT_EQ(parts_of(4, 4), Parts({{0, 4}}));
  EXPECT_EQ(parts_of(9, 4), Parts({{0, 4}, {4, 4}, {8, 1}}));
  const std::int64_t large = std::int64_t{5} << 30;
  EXPECT_EQ(parts_of(large, std::int64_t{1} << 31),
            Parts({{0, std::int64_t{1} << 31},
                   {std::int64_t{1} << 31, std::int64_t{1} << 31},
                   {std::int64_t{1} << 32, std::int64_t{1} << 30}}));
}

}  // namespace
}  // namespace cogent::distributed
