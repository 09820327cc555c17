#include "rollout/ngram_counts.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace cogent::rollout {
namespace {

using Ids = std::vector<std::int32_t>;

std::span<const NgramCounts::Next> find(const NgramCounts& counts, const Ids& context) {
  return counts.find(NgramCounts::Contexts(context).hashes[context.size() - 1]);
}

TEST(NgramCounts, CountsWhatFollowsTheLatestLast) {
  NgramCounts counts;
  counts.add(Ids{1, 2, 1, 3, 1, 2}, 0);
  const auto next = find(counts, {1});
  ASSERT_EQ(next.size(), 2U);
  EXPECT_EQ(next[0].id, 3);
  EXPECT_EQ(next[0].count, 1);
  EXPECT_EQ(next[1].id, 2);
  EXPECT_EQ(next[1].count, 2);
  EXPECT_EQ(find(counts, {2, 1, 3}).front().id, 1);
  EXPECT_TRUE(find(counts, {9}).empty());
}

TEST(NgramCounts, CountsOnlyFromTheFirstAskedFor) {
  NgramCounts counts;
  counts.add(Ids{1, 2, 3, 4}, 3);
  EXPECT_TRUE(find(counts, {1}).empty());
  EXPECT_EQ(find(counts, {1, 2, 3}).front().id, 4);
  EXPECT_EQ(find(counts, {3}).front().count, 1);
}

// Against counts kept the long way, over texts that come and go.
TEST(NgramCounts, WhatIsRemovedIsNotCounted) {
  std::mt19937 random(7);
  NgramCounts counts;
  std::map<std::pair<Ids, std::int32_t>, std::int32_t> expected;
  std::vector<Ids> texts;
  const auto change = [&](const Ids& text, std::int32_t by) {
    for (std::size_t at = 1; at < text.size(); ++at) {
      for (std::size_t n = 1; n <= std::min(at, NgramCounts::kLongestContext); ++n) {
        const auto end = text.begin() + static_cast<std::ptrdiff_t>(at);
        expected[{Ids(end - static_cast<std::ptrdiff_t>(n), end), text[at]}] += by;
      }
    }
  };
  for (int round = 0; round < 200; ++round) {
    if (texts.size() > 3) {
      counts.remove(texts.front(), 0);
      change(texts.front(), -1);
      texts.erase(texts.begin());
    }
    Ids& text = texts.emplace_back();
    for (auto left = random() % 20; left > 0; --left) {
      text.push_back(static_cast<std::int32_t>(random() % 3));
    }
    counts.add(text, 0);
    change(text, 1);
    for (const auto& [key, count] : expected) {
      std::int32_t found = 0;
      for (const NgramCounts::Next& next : find(counts, key.first)) {
        found += next.id == key.second ? next.count : 0;
      }
      ASSERT_EQ(found, count) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace cogent::rollout
