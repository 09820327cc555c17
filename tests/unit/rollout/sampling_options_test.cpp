// Every sampling option against its definition, written down plainly in float64.
#include "rollout/sampling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <utility>

namespace cogent::rollout {
namespace {

constexpr std::int32_t kVocabulary = 60;
// Some tokens stand twice, one in both, and one is no token of the model.
const std::vector<std::int32_t> kPrompt = {3, 17, 17, 42, 1000};
const std::vector<std::int32_t> kCompletion = {5, 42, 58, -1};

SamplingOptions options(float temperature, float top_p = 1, std::int32_t top_k = 0, float min_p = 0,
                        float repetition_penalty = 1) {
  SamplingOptions made;
  made.temperature = temperature;
  made.top_p = top_p;
  made.top_k = top_k;
  made.min_p = min_p;
  made.repetition_penalty = repetition_penalty;
  return made;
}

const std::vector<std::pair<std::string, SamplingOptions>> kAllOptions = {
    {"temperature", options(0.7F)},
    {"top-k", options(1.1F, 1, 9)},
    {"top-p", options(1.1F, 0.85F)},
    {"min-p", options(1.1F, 1, 0, 0.07F)},
    {"repetition penalty", options(0.9F, 1, 0, 0, 1.6F)},
    {"repetition reward", options(0.9F, 1, 0, 0, 0.6F)},
    {"top-k and top-p", options(1.3F, 0.8F, 20)},
    {"top-k and min-p", options(1.3F, 1, 30, 0.2F)},
    {"top-p and min-p", options(1.3F, 0.95F, 0, 0.05F)},
    {"all", options(1.2F, 0.9F, 25, 0.04F, 1.3F)},
};

std::vector<float> random_logits(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.3F, 1.2F);
  std::vector<float> logits(kVocabulary);
  std::generate(logits.begin(), logits.end(), [&] { return normal(random); });
  return logits;
}

void normalise(std::vector<double>& values) {
  const double total = std::accumulate(values.begin(), values.end(), 0.0);
  for (double& value : values) {
    value /= total;
  }
}

// Keeps the first `count` of `order`.
void keep_first(std::vector<double>& probability, const std::vector<std::size_t>& order,
                std::size_t count) {
  for (std::size_t i = count; i < order.size(); ++i) {
    probability[order[i]] = 0;
  }
  normalise(probability);
}

// The probability of every token, by the definition.
std::vector<double> definition(const std::vector<float>& logits, const SamplingOptions& how) {
  std::vector<double> scores(logits.begin(), logits.end());
  for (std::size_t id = 0; id < scores.size(); ++id) {
    const auto holds = [&](const std::vector<std::int32_t>& ids) {
      return std::find(ids.begin(), ids.end(), static_cast<std::int32_t>(id)) != ids.end();
    };
    if (holds(kPrompt) || holds(kCompletion)) {
      const double penalty = how.repetition_penalty;
      scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty;
    }
  }
  std::vector<double> probability;
  for (const double score : scores) {
    probability.push_back(std::exp(score / static_cast<double>(how.temperature)));
  }
  normalise(probability);
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  if (how.top_k > 0) {
    keep_first(probability, order, static_cast<std::size_t>(how.top_k));
  }
  if (how.top_p < 1) {
    double mass = 0;
    std::size_t count = 0;
    while (mass < static_cast<double>(how.top_p)) {
      mass += probability[order[count++]];
    }
    keep_first(probability, order, count);
  }
  const double least = static_cast<double>(how.min_p) * probability[order.front()];
  for (double& value : probability) {
    value = value < least ? 0 : value;
  }
  normalise(probability);
  return probability;
}

TEST(SamplingOptions, ProbabilitiesAreThoseOfTheDefinition) {
  TokenDistribution distribution;
  for (const auto& [name, how] : kAllOptions) {
    for (unsigned seed = 0; seed < 50; ++seed) {
      const std::vector<float> logits = random_logits(seed);
      const std::vector<double> expected = definition(logits, how);
      distribution.prepare(logits, how, {kPrompt, kCompletion});
      for (std::int32_t id = 0; id < kVocabulary; ++id) {
        const double probability = expected[static_cast<std::size_t>(id)];
        if (probability > 0) {
          ASSERT_NEAR(distribution.logprob(id), std::log(probability), 3e-6) << name << ' ' << id;
        } else {
          ASSERT_EQ(distribution.logprob(id), -std::numeric_limits<float>::infinity())
              << name << ' ' << id;
        }
      }
    }
  }
}

// The value that a chi-square of this many degrees of freedom passes once in a thousand times, by
// Wilson and Hilferty.
double chi_square_limit(double freedom) {
  const double spread = 2 / (9 * freedom);
  return freedom * std::pow(1 - spread + 3.09 * std::sqrt(spread), 3);
}

// The long version of the test asks for more.
std::uint32_t draws_to_make() {
  const char* draws = std::getenv("COGENT_DRAWS");
  return draws == nullptr ? 100'000 : static_cast<std::uint32_t>(std::stoul(draws));
}

TEST(SamplingOptions, DrawsFollowTheDefinition) {
  const std::uint32_t draws = draws_to_make();
  const std::vector<float> logits = random_logits(77);
  RolloutRequest request;
  request.seed = 11;
  TokenDistribution distribution;
  for (const auto& [name, how] : kAllOptions) {
    ++request.step;
    const std::vector<double> expected = definition(logits, how);
    distribution.prepare(logits, how, {kPrompt, kCompletion});
    std::vector<std::uint32_t> counts(expected.size());
    for (std::uint32_t i = 0; i < draws; ++i) {
      const double uniform = draw_uniform(draw_address(request, i % 16, i / 16));
      ++counts[static_cast<std::size_t>(distribution.draw(uniform))];
    }
    double chi_square = 0;
    double freedom = -1;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (expected[i] == 0) {
        ASSERT_EQ(counts[i], 0U) << name << ": token " << i << " is cut";
        continue;
      }
      const double mean = expected[i] * draws;
      ASSERT_GT(mean, 5) << name << ": too rare for a chi-square";
      chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
      ++freedom;
    }
    EXPECT_GT(freedom, 2) << name;
    EXPECT_LT(chi_square, chi_square_limit(freedom)) << name;
  }
}

TEST(SamplingOptions, MinPKeepsEqualsOfTheLargest) {
  const std::vector<float> logits = {2, 5, 5, 4, 5};
  TokenDistribution distribution;
  distribution.prepare(logits, options(1, 1, 0, 1));
  const auto kept = distribution.kept();
  EXPECT_EQ(std::vector(kept.begin(), kept.end()), (std::vector<std::int32_t>{1, 2, 4}));
  EXPECT_FLOAT_EQ(distribution.logprob(2), std::log(1.0F / 3));
}

TEST(SamplingOptions, TheRepetitionPenaltyMovesAGreedyDraw) {
  const std::vector<float> logits = {-1, 2, 3, -1};
  TokenDistribution distribution;
  const SamplingOptions how = options(0, 1, 0, 0, 2);
  const std::vector<std::int32_t> seen = {2};
  distribution.prepare(logits, how);
  EXPECT_EQ(distribution.draw(0), 2);
  distribution.prepare(logits, how, {seen, {}});
  EXPECT_EQ(distribution.draw(0), 1);
  EXPECT_EQ(distribution.logprob(1), 0);
  EXPECT_EQ(distribution.logprob(2), -std::numeric_limits<float>::infinity());
  distribution.prepare(logits, how, {{}, seen});
  EXPECT_EQ(distribution.draw(0), 1) << "a token of the completion";
}

}  // namespace
}  // namespace cogent::rollout
