#include "rollout/sampling.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace cogent::rollout {
namespace {

SamplingOptions options(float temperature, float top_p = 1, std::int32_t top_k = 0) {
  SamplingOptions made;
  made.temperature = temperature;
  made.top_p = top_p;
  made.top_k = top_k;
  made.max_new_tokens = 1;
  return made;
}

std::vector<float> random_logits(std::size_t count, unsigned seed, float scale = 3) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> logits(count);
  std::generate(logits.begin(), logits.end(), [&] { return normal(random); });
  return logits;
}

// Probabilities by the C library, in double.
std::vector<double> softmax(std::span<const float> logits, double temperature) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> values;
  double total = 0;
  for (const float logit : logits) {
    values.push_back(std::exp((logit - largest) / temperature));
    total += values.back();
  }
  for (double& value : values) {
    value /= total;
  }
  return values;
}

std::vector<std::int32_t> kept(std::vector<float> logits, const SamplingOptions& how) {
  TokenDistribution distribution;
  distribution.prepare(logits, how);
  return {distribution.kept().begin(), distribution.kept().end()};
}

// Every token gets exactly the interval of the unit line that its probability spans.
TEST(Sampling, InvertsTheCumulativeDistributionInTokenOrder) {
  const std::vector<float> logits = random_logits(700, 3, 1);
  const std::vector<double> expected = softmax(logits, 0.8);
  TokenDistribution distribution;
  distribution.prepare(logits, options(0.8F));
  double before = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(distribution.draw(before + 0.01 * expected[i]), static_cast<std::int32_t>(i));
    EXPECT_EQ(distribution.draw(before + 0.99 * expected[i]), static_cast<std::int32_t>(i));
    before += expected[i];
  }
}

TEST(Sampling, DrawsFollowTheDistribution) {
  const std::vector<float> logits = random_logits(12, 5, 1);
  const std::vector<double> expected = softmax(logits, 1.3);
  TokenDistribution distribution;
  distribution.prepare(logits, options(1.3F));
  constexpr int kDraws = 40'000;
  std::vector<int> counts(logits.size());
  RolloutRequest request;
  request.seed = 9;
  request.step = 2;
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    ++counts[static_cast<std::size_t>(
        distribution.draw(draw_uniform(draw_address(request, i % 8, i / 8))))];
  }
  double chi_square = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double mean = expected[i] * kDraws;
    chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
  }
  EXPECT_LT(chi_square, 31.3);  // 11 degrees of freedom, one in a thousand
}

TEST(Sampling, EveryCoordinateMovesTheDraw) {
  RolloutRequest base;
  base.seed = 1;
  base.step = 2;
  base.round = 3;
  base.prompt_id = 4;
  const auto uniform = [](const RolloutRequest& request, std::uint32_t completion,
                          std::uint32_t position) {
    return draw_uniform(draw_address(request, completion, position));
  };
  const double first = uniform(base, 5, 6);
  EXPECT_EQ(first, uniform(base, 5, 6));
  EXPECT_NE(first, uniform(base, 6, 6));
  EXPECT_NE(first, uniform(base, 5, 7));
  for (auto member : {&RolloutRequest::step, &RolloutRequest::round, &RolloutRequest::prompt_id}) {
    RolloutRequest other = base;
    other.*member += 1;
    EXPECT_NE(first, uniform(other, 5, 6));
  }
}

TEST(Sampling, TopKTakesTheLikeliestAndTheLowerIdOfEquals) {
  EXPECT_EQ(kept({1, 5, 3, 5, 2}, options(1, 1, 2)), (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(kept({7, 7, 7, 7}, options(1, 1, 3)), (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_TRUE(kept({1, 2, 3}, options(1, 1, 3)).empty()) << "nothing to cut";
}

TEST(Sampling, TopPTakesTheSmallestSetThatReachesTheMass) {
  const auto logs = [](std::vector<double> shares) {
    std::vector<float> logits;
    for (const double share : shares) {
      logits.push_back(static_cast<float>(std::log(share)));
    }
    return logits;
  };
  const std::vector<float> logits = logs({0.1, 0.4, 0.2, 0.3});
  EXPECT_EQ(kept(logits, options(1, 0.39F)), (std::vector<std::int32_t>{1}));
  EXPECT_EQ(kept(logits, options(1, 0.65F)), (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(kept(logits, options(1, 0.75F)), (std::vector<std::int32_t>{1, 2, 3}));
  EXPECT_EQ(kept(logits, options(1, 0.95F)), (std::vector<std::int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(kept({0, 0, 0, 0}, options(1, 0.5F)), (std::vector<std::int32_t>{0, 1}));
  // After top-k the mass is that of what is left: 0.4 / 0.7 reaches 0.55.
  EXPECT_EQ(kept(logits, options(1, 0.55F, 2)), (std::vector<std::int32_t>{1}));
  EXPECT_EQ(kept(logits, options(1, 0.55F, 0)), (std::vector<std::int32_t>{1, 3}));
}

TEST(Sampling, TopPAgreesWithAFullSortOnWideVocabularies) {
  for (const float scale : {0.1F, 1.0F, 4.0F}) {
    const std::vector<float> logits = random_logits(3000, 11, scale);
    const std::vector<double> probability = softmax(logits, 1);
    std::vector<std::int32_t> order(logits.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = static_cast<std::int32_t>(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    double mass = 0;
    std::size_t count = 0;
    while (mass < static_cast<double>(0.8F)) {
      mass += probability[static_cast<std::size_t>(order[count++])];
    }
    order.resize(count);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(kept(logits, options(1, 0.8F)), order);
  }
}

TEST(Sampling, TopKAgreesWithAFullSortAmongManyEquals) {
  std::vector<float> logits = random_logits(3000, 17, 2);
  for (float& logit : logits) {
    logit = std::round(logit * 4) / 4;
  }
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  for (const std::int32_t count : {1, 50, 777, 2999}) {
    std::vector<std::int32_t> expected(order.begin(), order.begin() + count);
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(kept(logits, options(0.7F, 1, count)), expected);
  }
}

TEST(Sampling, TruncatedDrawsStayWithinWhatIsKept) {
  const std::vector<float> logits = random_logits(500, 13);
  TokenDistribution distribution;
  distribution.prepare(logits, options(1, 0.9F, 7));
  const auto ids = distribution.kept();
  ASSERT_LE(ids.size(), 7U);
  EXPECT_EQ(distribution.draw(0), ids.front());
  EXPECT_EQ(distribution.draw(std::nextafter(1.0, 0.0)), ids.back());
}

TEST(Sampling, GreedyTakesTheLowestIdAmongEqualMaxima) {
  const std::vector<float> logits = {1, 4, 2, 4};
  TokenDistribution distribution;
  distribution.prepare(logits, options(0, 0.5F, 1));
  for (const double uniform : {0.0, 0.99}) {
    EXPECT_EQ(distribution.draw(uniform), 1);
  }
}

TEST(Sampling, ImpossibleTokensAreNeverDrawn) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  std::vector<float> logits(600, kNever);
  logits[3] = 1;
  logits[4] = 1;
  TokenDistribution distribution;
  distribution.prepare(logits, options(1));
  EXPECT_EQ(distribution.draw(0), 3);
  EXPECT_EQ(distribution.draw(0.49), 3);
  EXPECT_EQ(distribution.draw(0.51), 4);
  EXPECT_EQ(distribution.draw(std::nextafter(1.0, 0.0)), 4);
}

TEST(Sampling, RefusesLogitsThatAreNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  TokenDistribution distribution;
  for (const float bad : {std::nanf(""), kInfinity}) {
    std::vector<float> logits = random_logits(300, 1);
    logits[77] = bad;
    EXPECT_THROW(distribution.prepare(logits, options(1)), Error);
    EXPECT_THROW(distribution.prepare(logits, options(0)), Error);
  }
  const std::vector<float> nothing(5, -kInfinity);
  EXPECT_THROW(distribution.prepare(nothing, options(1)), Error);
}

TEST(Sampling, RefusesOptionsOutOfRange) {
  const auto code = [](const SamplingOptions& bad) {
    try {
      check_sampling(bad);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kUnexpected;
  };
  EXPECT_EQ(code(options(-1)), ErrorCode::kUsage);
  EXPECT_EQ(code(options(std::nanf(""))), ErrorCode::kUsage);
  EXPECT_EQ(code(options(1, 0)), ErrorCode::kUsage);
  EXPECT_EQ(code(options(1, 1.5F)), ErrorCode::kUsage);
  EXPECT_EQ(code(options(1, 1, -1)), ErrorCode::kUsage);
  for (const float bad : {-0.1F, 1.1F, std::nanf("")}) {
    SamplingOptions min_p = options(1);
    min_p.min_p = bad;
    EXPECT_EQ(code(min_p), ErrorCode::kUsage);
  }
  for (const float bad : {0.0F, -1.0F, std::numeric_limits<float>::infinity(), std::nanf("")}) {
    SamplingOptions penalty = options(1);
    penalty.repetition_penalty = bad;
    EXPECT_EQ(code(penalty), ErrorCode::kUsage);
  }
  SamplingOptions no_tokens = options(1);
  no_tokens.max_new_tokens = 0;
  EXPECT_EQ(code(no_tokens), ErrorCode::kUsage);
}

}  // namespace
}  // namespace cogent::rollout
