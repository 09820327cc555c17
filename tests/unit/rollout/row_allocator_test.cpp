#include "rollout/row_allocator.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace cogent::rollout {
namespace {

TEST(RowAllocator, TakesTheFirstGapThatFits) {
  RowAllocator rows(10);
  EXPECT_EQ(rows.allocate(4), 0);
  EXPECT_EQ(rows.allocate(3), 4);
  EXPECT_EQ(rows.allocate(4), std::nullopt);
  rows.release(0);
  EXPECT_EQ(rows.allocate(2), 0);
  EXPECT_EQ(rows.allocate(3), 7);
  EXPECT_EQ(rows.free_rows(), 2);
}

TEST(RowAllocator, RefusesWhatWasNeverHandedOut) {
  RowAllocator rows(10);
  rows.allocate(4);
  EXPECT_THROW(rows.release(1), Error);
  rows.release(0);
  EXPECT_THROW(rows.release(0), Error);
  EXPECT_THROW(rows.allocate(0), Error);
}

TEST(RowAllocator, BlocksNeverOverlapAndNothingLeaks) {
  constexpr std::int64_t kCapacity = 1000;
  RowAllocator rows(kCapacity);
  std::map<std::int64_t, std::int64_t> held;
  std::int64_t held_rows = 0;
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t count = 1 + static_cast<std::int64_t>(random() % 90);
    if (random() % 2 == 0) {
      if (const auto begin = rows.allocate(count)) {
        const auto next = held.lower_bound(*begin);
        ASSERT_TRUE(next == held.end() || *begin + count <= next->first);
        ASSERT_TRUE(next == held.begin() ||
                    std::prev(next)->first + std::prev(next)->second <= *begin);
        ASSERT_LE(*begin + count, kCapacity);
        held.emplace(*begin, count);
        held_rows += count;
      }
    } else if (!held.empty()) {
      const auto block =
          std::next(held.begin(), static_cast<std::ptrdiff_t>(random() % held.size()));
      rows.release(block->first);
      held_rows -= block->second;
      held.erase(block);
    }
    ASSERT_EQ(rows.free_rows(), kCapacity - held_rows);
  }
  for (const auto& [begin, count] : held) {
    rows.release(begin);
  }
  EXPECT_EQ(rows.allocate(kCapacity), 0) << "the gaps have not joined";
}

}  // namespace
}  // namespace cogent::rollout
