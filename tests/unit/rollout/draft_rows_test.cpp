#include "rollout/draft_rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace cogent::rollout {
namespace {

std::vector<Guess> guesses(std::initializer_list<double> chances) {
  std::vector<Guess> made;
  for (const double chance : chances) {
    made.push_back({.id = 1, .chance = chance});
  }
  return made;
}

std::vector<std::size_t> share(const std::vector<std::vector<Guess>>& all, std::int64_t rows) {
  return share_draft_rows(all, rows);
}

using Counts = std::vector<std::size_t>;

TEST(DraftRows, AStepTakesLongerWithMoreRows) {
  for (std::int64_t rows = 1; rows < 300; ++rows) {
    EXPECT_GT(decode_milliseconds(rows), 0);
    EXPECT_LT(decode_milliseconds(rows), decode_milliseconds(rows + 1));
  }
  EXPECT_DOUBLE_EQ(decode_milliseconds(16), 46.3);
  EXPECT_DOUBLE_EQ(decode_milliseconds(14), 42.6);
}

TEST(DraftRows, GoToTheSurerGuesses) {
  EXPECT_EQ(share({guesses({0.99, 0.98, 0.97, 0.96}), guesses({0.3, 0.1})}, 16), (Counts{4, 0}));
  EXPECT_EQ(share({guesses({0.2}), guesses({}), guesses({0.9, 0.9, 0.9})}, 5), (Counts{0, 0, 2}));
  EXPECT_EQ(share({guesses({0.9, 0.2}), guesses({0.9, 0.9})}, 5), (Counts{1, 2}));
}

TEST(DraftRows, AreNotSpentWhereTheyDoNotPay) {
  EXPECT_EQ(share({guesses({0.05}), guesses({0.06}), guesses({0.05}), guesses({0.05})}, 16),
            (Counts{0, 0, 0, 0}));
  EXPECT_EQ(share({guesses({}), guesses({})}, 16), (Counts{0, 0}));
  EXPECT_EQ(share({}, 16), Counts{});
}

TEST(DraftRows, StayWithinTheirBound) {
  const std::vector<Guess> sure = guesses({1, 1, 1, 1, 1, 1, 1, 1});
  EXPECT_EQ(share({sure, sure}, 0), (Counts{0, 0}));
  EXPECT_EQ(share({sure, sure}, 2), (Counts{0, 0}));
  EXPECT_EQ(share({sure, sure}, 3), (Counts{1, 0}));
  EXPECT_EQ(share({sure}, 9), (Counts{8}));
}

// Against every way to share the rows.
TEST(DraftRows, GiveTheMostTokensForTheTime) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::vector<Guess>> all(3);
    for (std::vector<Guess>& one : all) {
      double chance = 1;
      for (auto left = random() % 6; left > 0; --left) {
        chance *= uniform(random);
        one.push_back({.id = 1, .chance = chance});
      }
    }
    const std::int64_t most = 3 + static_cast<std::int64_t>(random() % 12);
    const auto rate = [&](const Counts& counts) {
      double tokens = 3;
      std::int64_t rows = 3;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        rows += static_cast<std::int64_t>(counts[i]);
        for (std::size_t j = 0; j < counts[i]; ++j) {
          tokens += all[i][j].chance;
        }
      }
      return rows > most ? 0 : tokens / decode_milliseconds(rows);
    };
    double best = 0;
    for (std::size_t a = 0; a <= all[0].size(); ++a) {
      for (std::size_t b = 0; b <= all[1].size(); ++b) {
        for (std::size_t c = 0; c <= all[2].size(); ++c) {
          best = std::max(best, rate({a, b, c}));
        }
      }
    }
    EXPECT_NEAR(rate(share(all, most)), best, 1e-12);
  }
}

}  // namespace
}  // namespace cogent::rollout
