#include "distributed/reduce.hpp"

#include "distributed/split.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
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
  reduce_into(&value, &one, 1, DataType::kInt64, ReduceOp::kSum);
  EXPECT_EQ(value, std::numeric_limits<std::int64_t>::min());
}

TEST(Reduce, NanWinsFromEitherSide) {
  const float nan = std::nanf("");
  for (const ReduceOp op : {ReduceOp::kMin, ReduceOp::kMax}) {
    std::array<float, 2> into = {nan, 1};
    const std::array<float, 2> values = {1, nan};
    reduce_into(into.data(), values.data(), 2, DataType::kFloat32, op);
    EXPECT_TRUE(std::isnan(into[0]));
    EXPECT_TRUE(std::isnan(into[1]));
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
