#include "rollout/draft.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace cogent::rollout {
namespace {

using Ids = std::vector<std::int32_t>;

// One request a prompt, each with as many completions as it is given.
struct Texts {
  Texts(const std::vector<Ids>& prompts, const std::vector<std::vector<Ids>>& completions) {
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      requests.emplace_back().prompt_ids = prompts[i];
      RolloutGroup& group = groups.emplace_back();
      for (const Ids& ids : completions[i]) {
        group.completions.emplace_back().ids = ids;
      }
    }
  }
  std::vector<RolloutRequest> requests;
  std::vector<RolloutGroup> groups;
};

Ids ids_of(const std::vector<Guess>& guesses) {
  Ids ids;
  for (const Guess& guess : guesses) {
    ids.push_back(guess.id);
  }
  return ids;
}

// What the first completion of the first prompt is guessed to go on with.
Ids guess(const Ids& prompt, const std::vector<Ids>& group, std::int64_t length) {
  const Texts texts({prompt}, {group});
  Drafter drafter(texts.requests, texts.groups);
  return ids_of(drafter.guess(0, 0, length));
}

TEST(Drafter, CopiesWhatFollowedTheSameTokens) {
  EXPECT_EQ(guess({1, 2, 3, 4, 5}, {{9, 2, 3}}, 2), (Ids{4, 5}));
  EXPECT_EQ(guess({1, 2, 3, 4, 5}, {{9, 2, 3}}, 1), (Ids{4}));
  EXPECT_EQ(guess({1, 2, 3}, {{4}}, 4), Ids{});
  EXPECT_EQ(guess({}, {{4}}, 4), Ids{});
  EXPECT_EQ(guess({1, 2, 3, 4, 5}, {{9, 2, 3}}, 0), Ids{});
}

TEST(Drafter, PrefersTheLongerContextThenTheVoteThenTheLatestPlace) {
  EXPECT_EQ(guess({1, 2, 7, 5, 2, 8, 5, 2, 8}, {{1, 2}}, 1), (Ids{7}));  // "1 2" over two of "2 8"
  EXPECT_EQ(guess({2, 7, 2, 7, 2, 8}, {{2}}, 1), (Ids{7}));              // two votes to one
  EXPECT_EQ(guess({2, 7, 2, 8}, {{2}}, 1), (Ids{8}));                    // one each: the later
  EXPECT_EQ(guess({2, 7}, {{2}, {2, 9}}, 1), (Ids{9}));                  // another completion's too
  // Five tokens agree, of which four are looked at: the vote of both places is even, the later
  // wins.
  EXPECT_EQ(guess({1, 2, 3, 4, 5, 6, 9, 2, 3, 4, 5, 7}, {{1, 2, 3, 4, 5}}, 1), (Ids{7}));
}

TEST(Drafter, ContextsReachFromTheCompletionIntoItsPrompt) {
  EXPECT_EQ(guess({1, 2, 3, 8, 2, 3, 4, 1, 2}, {{3}}, 1), (Ids{8}));
}

// Finished completions of other prompts are copied from; those of the group count twice.
TEST(Drafter, CopiesFromFinishedCompletionsOfOthers) {
  Texts texts({{1}, {2}, {3}}, {{{5, 6}}, {{6, 7, 8}}, {{6, 9}}});
  Drafter drafter(texts.requests, texts.groups);
  EXPECT_EQ(ids_of(drafter.guess(0, 0, 2)), Ids{}) << "they are not finished";
  drafter.finish(1, 0);
  EXPECT_EQ(ids_of(drafter.guess(0, 0, 2)), (Ids{7, 8}));
  drafter.finish(2, 0);
  EXPECT_EQ(ids_of(drafter.guess(0, 0, 1)), (Ids{9})) << "of equal votes the latest";
  texts.groups[0].completions[0].ids = {5, 6, 7, 6};
  EXPECT_EQ(ids_of(drafter.guess(0, 0, 1)), (Ids{7})) << "three votes to one";
  drafter.forget(0);
  EXPECT_EQ(ids_of(drafter.guess(0, 0, 1)), (Ids{7})) << "what is asked for again is counted again";
}

TEST(Drafter, KeepsTheLatestOfManyFinishedCompletions) {
  Ids old_text(40'000);
  std::iota(old_text.begin(), old_text.end(), 100);
  Ids new_text(40'000);
  std::iota(new_text.begin(), new_text.end(), 100'000);
  for (const bool is_asked_between : {false, true}) {
    const Texts texts({{1}, {2}, {3}, {4}}, {{{500}}, {{100'500}}, {old_text}, {new_text}});
    Drafter drafter(texts.requests, texts.groups);
    drafter.finish(2, 0);
    if (is_asked_between) {
      EXPECT_EQ(ids_of(drafter.guess(0, 0, 1)), (Ids{501}));
    }
    drafter.finish(3, 0);
    EXPECT_EQ(ids_of(drafter.guess(1, 0, 1)), (Ids{100'501}));
    EXPECT_EQ(ids_of(drafter.guess(0, 0, 1)), Ids{});
  }
}

TEST(Drafter, ChancesFallAlongADraftAndFollowWhatWasRight) {
  const Texts texts({{1, 2, 3, 4, 5, 6, 7, 8}}, {{{1, 2, 3}}});
  Drafter drafter(texts.requests, texts.groups);
  std::vector<Guess> guesses = drafter.guess(0, 0, 4);
  ASSERT_EQ(guesses.size(), 4U);
  for (std::size_t i = 1; i < guesses.size(); ++i) {
    EXPECT_LE(guesses[i].chance, guesses[i - 1].chance);
  }
  const double before = guesses.front().chance;
  for (int i = 0; i < 20; ++i) {
    drafter.record(guesses, 4, false);
  }
  EXPECT_GT(drafter.guess(0, 0, 4).back().chance, 0.7);
  for (int i = 0; i < 100; ++i) {
    drafter.record(guesses, 0, true);  // ended: nothing was judged
  }
  EXPECT_GT(drafter.guess(0, 0, 4).front().chance, before);
  for (int i = 0; i < 2000; ++i) {
    drafter.record(guesses, 0, false);
  }
  EXPECT_EQ(drafter.guess(0, 0, 4).size(), 0U) << "a draft that is never right is not made";
}

TEST(DraftChances, BeginAtTheShareAndMove) {
  DraftChances chances;
  const std::size_t kind = DraftChances::kind_of(0.62, 3, true);
  EXPECT_EQ(kind, DraftChances::kind_of(0.68, 3, true));
  EXPECT_NE(kind, DraftChances::kind_of(0.62, 3, false));
  EXPECT_NE(kind, DraftChances::kind_of(0.62, 2, true));
  EXPECT_NE(kind, DraftChances::kind_of(0.72, 3, true));
  EXPECT_NEAR(chances.chance(kind), 0.65, 1e-12);
  EXPECT_NEAR(chances.chance(DraftChances::kind_of(1, 4, false)), 0.95, 1e-12);
  for (int i = 0; i < 1000; ++i) {
    chances.record(kind, false);
  }
  EXPECT_LT(chances.chance(kind), 0.01);
  for (int i = 0; i < 300; ++i) {
    chances.record(kind, true);
  }
  EXPECT_GT(chances.chance(kind), 0.7) << "what is long ago counts less";
}

}  // namespace
}  // namespace cogent::rollout
