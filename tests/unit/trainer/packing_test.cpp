#include "trainer/packing.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace cogent::trainer {
namespace {

using testing::ElementsAre;

TrainSequence sequence(std::vector<std::int32_t> prompt, std::vector<std::int32_t> completion,
                       std::uint32_t group) {
  TrainSequence out;
  out.prompt_ids = std::move(prompt);
  out.completion_ids = std::move(completion);
  out.group = group;
  return out;
}

std::vector<std::size_t> first(std::size_t count) {
  std::vector<std::size_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

TEST(Pack, CompletionsOfAGroupShareThePromptsRows) {
  const std::vector<TrainSequence> all = {sequence({1, 2, 3}, {10, 11, 12}, 0),
                                          sequence({1, 2, 3}, {20}, 0), sequence({4}, {30, 31}, 1)};
  const PackedBatch batch = pack(all, first(3));
  EXPECT_THAT(batch.ids, ElementsAre(1, 2, 3, 10, 11, 4, 30));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 3, 4, 0, 1));
  EXPECT_THAT(batch.targets, ElementsAre(10, 11, 12, 20, 30, 31));
  EXPECT_THAT(batch.trained_rows, ElementsAre(2, 3, 4, 2, 5, 6));
  ASSERT_EQ(batch.segments.size(), 4u);  // two prompts, two completions with rows of their own
  EXPECT_EQ(batch.segments[1].queries.begin, 3);
  EXPECT_EQ(batch.segments[1].keys.size(), 2u);
  EXPECT_EQ(batch.segments[1].keys[0].end, 3);
  EXPECT_EQ(batch.segments[3].keys[0].begin, 5);
}

TEST(Pack, EqualPromptsOfDifferentGroupsAreNotShared) {
  const std::vector<TrainSequence> all = {sequence({1, 2}, {3, 4}, 0), sequence({1, 2}, {3, 4}, 1)};
  EXPECT_EQ(pack(all, first(2)).rows(), 6);
}

TEST(Pack, ASequenceWithoutPromptIsRefused) {
  const std::vector<TrainSequence> all = {sequence({}, {1}, 0)};
  EXPECT_THROW(pack(all, first(1)), Error);
}

TEST(Cut, KeepsGroupsWholeWhereTheyFitAndNeverPassesTheBudget) {
  std::vector<TrainSequence> all;
  for (std::uint32_t group = 0; group < 20; ++group) {
    for (int i = 0; i < 3; ++i) {
      all.push_back(sequence(std::vector<std::int32_t>(5 + group % 3, 1),
                             std::vector<std::int32_t>(4 + (group * 7) % 9, 2), group));
    }
  }
  const auto batches = cut_micro_batches(all, first(all.size()), 70);
  std::size_t next = 0;
  for (const auto& indices : batches) {
    EXPECT_LE(pack(all, indices).rows(), 70);
    EXPECT_EQ(indices.size() % 3, 0u);
    for (const std::size_t index : indices) {
      EXPECT_EQ(index, next++);
    }
  }
  EXPECT_EQ(next, all.size());
}

TEST(Cut, AGroupPastTheBudgetIsSplitAndRepeatsItsPrompt) {
  const std::vector<TrainSequence> all = {sequence({1, 1, 1}, {2, 2, 2}, 0),
                                          sequence({1, 1, 1}, {2, 2, 2}, 0),
                                          sequence({1, 1, 1}, {2, 2, 2}, 0)};
  const auto batches = cut_micro_batches(all, first(3), 7);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(pack(all, batches[0]).rows(), 7);
  EXPECT_EQ(pack(all, batches[1]).rows(), 5);
}

TEST(Cut, ASequencePastTheBudgetStandsAlone) {
  const std::vector<TrainSequence> all = {sequence({1, 1}, {2, 2, 2, 2}, 0),
                                          sequence({1}, {2, 2}, 1)};
  EXPECT_EQ(cut_micro_batches(all, first(2), 3).size(), 2u);
}

TEST(Deal, EveryBatchOnceAndEvenly) {
  const std::vector<std::int64_t> costs = {9, 2, 4, 4, 3, 8, 1};
  const auto deal = deal_micro_batches(costs, 3);
  std::vector<int> seen(costs.size(), 0);
  for (const auto& batches : deal) {
    std::int64_t load = 0;
    for (const std::size_t batch : batches) {
      ++seen[batch];
      load += costs[batch];
    }
    EXPECT_GE(load, 9);
    EXPECT_LE(load, 12);
  }
  EXPECT_THAT(seen, testing::Each(1));
}

TEST(KeepLast, CutsThePromptFirst) {
  TrainSequence s = sequence({1, 2, 3}, {4, 5, 6}, 0);
  EXPECT_TRUE(keep_last(s, 4));
  EXPECT_THAT(s.prompt_ids, ElementsAre(3));
  EXPECT_THAT(s.completion_ids, ElementsAre(4, 5, 6));
}

TEST(KeepLast, WithoutPromptTheFirstTokenIsContext) {
  TrainSequence s = sequence({1, 2, 3}, {4, 5, 6}, 0);
  EXPECT_TRUE(keep_last(s, 2));
  EXPECT_THAT(s.prompt_ids, ElementsAre(5));
  EXPECT_THAT(s.completion_ids, ElementsAre(6));
  EXPECT_FALSE(keep_last(s, 1));
}

// Against the rule itself: of all tokens the last ones, of which those of the completion are
// trained, but for one that has nothing in front.
TEST(KeepLast, KeepsTheLastTokensOfEveryLengthAndLimit) {
  for (std::int32_t prompt = 0; prompt < 6; ++prompt) {
    for (std::int32_t completion = 0; completion < 6; ++completion) {
      for (std::int32_t limit = 1; limit < 14; ++limit) {
        std::vector<std::int32_t> ids(static_cast<std::size_t>(prompt + completion));
        std::iota(ids.begin(), ids.end(), 0);
        const auto kept = std::min<std::ptrdiff_t>(limit, std::ssize(ids));
        const std::vector<std::int32_t> last(ids.end() - kept, ids.end());
        TrainSequence s =
            sequence({ids.begin(), ids.begin() + prompt}, {ids.begin() + prompt, ids.end()}, 0);
        const bool trains = keep_last(s, limit);
        const auto trained = std::count_if(last.begin() + (last.empty() ? 0 : 1), last.end(),
                                           [&](std::int32_t id) { return id >= prompt; });
        ASSERT_EQ(trains, trained > 0) << prompt << " " << completion << " " << limit;
        if (!trains) {
          continue;
        }
        EXPECT_EQ(std::ssize(s.completion_ids), trained);
        std::vector<std::int32_t> whole = s.prompt_ids;
        whole.insert(whole.end(), s.completion_ids.begin(), s.completion_ids.end());
        EXPECT_EQ(whole, last) << prompt << " " << completion << " " << limit;
      }
    }
  }
}

}  // namespace
}  // namespace cogent::trainer
