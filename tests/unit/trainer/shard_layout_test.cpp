#include "trainer/shard_layout.hpp"

#include <gtest/gtest.h>

namespace cogent::trainer {
namespace {

std::vector<model::UnitSpec> example_units() {
  return {{"embedding", {{"e", 100, 6, true}}},
          {"block.0", {{"norm", 5000, 0, false}, {"w", 33, 7, true}, {"b", 3, 0, false}}},
          {"head", {{"n", 6, 0, false}}}};
}

TEST(ShardLayout, ShardsAreWholeLeavesAndCoverEveryUnitOnce) {
  for (const int learners : {1, 2, 3, 4, 7, 50}) {
    const ShardLayout layout(example_units(), learners);
    for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
      std::int64_t next = 0;
      for (int r = 0; r < learners; ++r) {
        EXPECT_EQ(layout.bounds(unit)[static_cast<std::size_t>(r)], next);
        for (const Leaf& leaf : layout.shard_leaves(unit, r)) {
          EXPECT_EQ(leaf.unit_offset, next);
          next += leaf.count;
        }
        std::int64_t in_pieces = 0;
        for (const ShardPiece& piece : layout.shard_pieces(unit, r)) {
          in_pieces += piece.count;
        }
        EXPECT_EQ(in_pieces, layout.counts(unit)[static_cast<std::size_t>(r)]);
      }
      EXPECT_EQ(next, layout.unit_size(unit));
    }
  }
}

TEST(ShardLayout, LeavesDoNotDependOnTheNumberOfLearners) {
  const ShardLayout one(example_units(), 1);
  const ShardLayout four(example_units(), 4);
  ASSERT_EQ(one.leaves(1).size(), four.leaves(1).size());
  EXPECT_EQ(one.leaves(1).size(), 2u + 3u + 1u);  // 5,000 values, 33 rows, 3 values
  EXPECT_EQ(one.leaves(1)[4].count, 1 * 7);
}

}  // namespace
}  // namespace cogent::trainer
