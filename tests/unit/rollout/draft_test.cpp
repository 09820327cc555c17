#include "rollout/draft.hpp"

#include <gtest/gtest.h>

namespace cogent::rollout {
namespace {

using Ids = std::vector<std::int32_t>;

Ids draft(const Ids& prompt, const Ids& completion, const std::vector<Ids>& others,
          std::size_t length) {
  const std::vector<std::span<const std::int32_t>> views(others.begin(), others.end());
  return draft_tokens(prompt, completion, views, length);
}

TEST(Draft, CopiesWhatFollowedTheSameTokens) {
  EXPECT_EQ(draft({1, 2, 3, 4, 5}, {9, 2, 3}, {}, 2), (Ids{4, 5}));
  EXPECT_EQ(draft({1, 2, 3, 4, 5}, {9, 2, 3}, {}, 10), (Ids{4, 5, 9, 2, 3}));
  EXPECT_EQ(draft({1, 2, 3}, {}, {}, 4), Ids{});
  EXPECT_EQ(draft({1, 2, 3}, {4}, {}, 4), Ids{});
  EXPECT_EQ(draft({6, 6}, {}, {}, 3), (Ids{6}));
  EXPECT_EQ(draft({}, {}, {}, 3), Ids{});
}

TEST(Draft, PrefersTheLongerSuffixThenTheLaterPlaceThenTheOwnText) {
  EXPECT_EQ(draft({1, 2, 7, 5, 2, 8}, {1, 2}, {}, 1), (Ids{7}));  // "1 2" over the later "2"
  EXPECT_EQ(draft({2, 7, 2, 8}, {2}, {}, 1), (Ids{8}));           // the later of two
  EXPECT_EQ(draft({2, 7}, {2}, {{2, 9}}, 1), (Ids{7}));           // own text first
  EXPECT_EQ(draft({2, 7}, {1, 2}, {{1, 2, 9}}, 1), (Ids{9}));     // unless the other's is longer
  EXPECT_EQ(draft({4}, {5}, {{}, {3, 5}, {5, 6}}, 8), (Ids{6}));  // nothing follows "3 5"
}

TEST(Draft, LengthFollowsWhatIsAccepted) {
  DraftLength length;
  EXPECT_EQ(length.tokens(), 4);
  length.record(4, 2);
  EXPECT_EQ(length.tokens(), 4);
  length.record(4, 4);
  length.record(8, 8);
  length.record(16, 16);
  EXPECT_EQ(length.tokens(), 16);
  for (int i = 0; i < 10; ++i) {
    length.record(length.tokens(), 0);
  }
  EXPECT_EQ(length.tokens(), 1);
}

}  // namespace
}  // namespace cogent::rollout
