#include "rollout/candidates.hpp"

#include <gtest/gtest.h>

namespace cogent::rollout {
namespace {

RolloutGroup group(const std::vector<double>& rewards) {
  RolloutGroup made;
  for (const double reward : rewards) {
    made.completions.emplace_back().reward = reward;
  }
  return made;
}

// Candidates of rows first, first + 1, ...
std::vector<CandidateFacts> round(std::uint32_t first,
                                  const std::vector<std::vector<double>>& rewards) {
  std::vector<CandidateFacts> facts;
  for (const std::vector<double>& each : rewards) {
    facts.push_back(candidate_facts(first++, group(each)));
  }
  return facts;
}

TEST(Candidates, FactsOfAGroup) {
  const CandidateFacts facts = candidate_facts(7, group({1, 1, 0.5}));
  EXPECT_EQ(facts.row, 7U);
  EXPECT_EQ(facts.completions, 3);
  EXPECT_DOUBLE_EQ(facts.reward_sum, 2.5);
  EXPECT_TRUE(facts.rewards_differ);
  // A sum of tenths is rounded: equal rewards are found by comparison.
  EXPECT_FALSE(candidate_facts(0, group({0.1, 0.1, 0.1})).rewards_differ);
  EXPECT_FALSE(candidate_facts(0, group({4})).rewards_differ);
  EXPECT_FALSE(candidate_facts(0, group({})).rewards_differ);
}

TEST(Candidates, TheFirstWhoseRewardsDifferAreKept) {
  CandidateChoice choice(3);
  EXPECT_FALSE(choice.full());
  choice.add_round(round(10, {{0, 1}, {1, 1}, {2, 3}}));
  EXPECT_FALSE(choice.full());
  EXPECT_EQ(choice.kept(), (std::vector<std::uint32_t>{10, 12}));
  choice.add_round(round(20, {{}, {5, 5}, {1, 0}, {0, 1}, {2, 1}}));
  EXPECT_TRUE(choice.full());
  EXPECT_EQ(choice.kept(), (std::vector<std::uint32_t>{10, 12, 22}));
  const CandidateCounts& counts = choice.counts();
  EXPECT_EQ(counts.rounds, 2);
  EXPECT_EQ(counts.candidates, 8);
  EXPECT_EQ(counts.zero_variance, 2);
  EXPECT_EQ(counts.unscored, 1);
  EXPECT_EQ(counts.surplus, 2);
  EXPECT_EQ(counts.completions, 14);
  EXPECT_DOUBLE_EQ(counts.reward_sum, 23);
}

TEST(Candidates, NoneMayBeKept) {
  CandidateChoice choice(2);
  choice.add_round(round(0, {{1, 1}, {2, 2}}));
  EXPECT_TRUE(choice.kept().empty());
  EXPECT_FALSE(choice.full());
  EXPECT_EQ(choice.counts().zero_variance, 2);
}

}  // namespace
}  // namespace cogent::rollout
