// What an engine draws, over many completions: the distribution of the definition, and no
// connection between one completion and the next.
#include "rollout/engine.hpp"
#include "tests/unit/rollout/engine_testing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <span>

namespace cogent::rollout {
namespace {

using namespace testing;

struct Case {
  const char* name;
  SamplingOptions sampling;
};

SamplingOptions options(double temperature, std::int32_t top_k = 0, float top_p = 1,
                        float min_p = 0) {
  SamplingOptions made;
  made.temperature = temperature;
  made.top_k = top_k;
  made.top_p = top_p;
  made.min_p = min_p;
  made.max_new_tokens = 1;
  return made;
}

// The soak test asks for more.
std::uint32_t draws_to_make() {
  const char* draws = std::getenv("COGENT_DRAWS");
  return draws == nullptr ? 5'000 : static_cast<std::uint32_t>(std::stoul(draws));
}

// Probabilities [vocab] in float64: top-k of the softmax, renormalised, then top-p, then min-p.
std::vector<double> definition(std::span<const float> logits, const SamplingOptions& how) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  std::vector<double> probability(logits.size());
  const auto keep = [&](std::size_t count) {
    double total = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      double& value = probability[order[i]];
      value = i < count ? value : 0;
      total += value;
    }
    for (double& value : probability) {
      value /= total;
    }
  };
  const double largest = logits[order.front()];
  for (std::size_t i = 0; i < logits.size(); ++i) {
    probability[i] = std::exp((logits[i] - largest) / how.temperature);
  }
  keep(how.top_k > 0 ? static_cast<std::size_t>(how.top_k) : order.size());
  if (how.top_p < 1) {
    double mass = 0;
    std::size_t count = 0;
    while (mass < static_cast<double>(how.top_p)) {
      mass += probability[order[count++]];
    }
    keep(count);
  }
  const double least = static_cast<double>(how.min_p) * probability[order.front()];
  keep(static_cast<std::size_t>(
      std::count_if(probability.begin(), probability.end(),
                    [&](double value) { return value > 0 && value >= least; })));
  return probability;
}

// The value that a chi-square of this many degrees of freedom passes once in ten thousand times, by
// Wilson and Hilferty.
double chi_square_limit(double freedom) {
  const double spread = 2 / (9 * freedom);
  return freedom * std::pow(1 - spread + 3.72 * std::sqrt(spread), 3);
}

class EngineDraws : public ::testing::TestWithParam<Case> {
 protected:
  EngineDraws() {
    request_.seed = 17;
    request_.prompt_id = 5;
    request_.prompt_ids = {11, 40, 7, 11, 93};
    request_.sampling = GetParam().sampling;
    request_.group_size = draws_to_make();
  }

  TinyModel tiny_{"llama_gqa3_tied"};
  RolloutRequest request_;
};

// First tokens of a large group: one row of logits, a uniform a completion.
TEST_P(EngineDraws, FollowTheDefinitionAndNotEachOther) {
  const auto count = static_cast<double>(request_.group_size);
  const at::Tensor logits = full_logits(tiny_, request_.prompt_ids);
  const std::vector<double> expected =
      definition({logits.const_data_ptr<float>(), static_cast<std::size_t>(logits.numel())},
                 request_.sampling);
  const auto groups =
      generate(tiny_, std::span(&request_, 1), {.max_sequences = request_.group_size});
  const std::vector<Completion>& completions = groups.front().completions;
  std::vector<double> seen(expected.size());
  // Correlation of a completion's and the next one's probability of what it drew.
  double mean = 0;
  double square = 0;
  double product = 0;
  double before = 0;
  for (const double value : expected) {
    mean += value * value;
    square += value * value * value;
  }
  for (std::size_t i = 0; i < completions.size(); ++i) {
    const auto id = static_cast<std::size_t>(completions[i].ids.front());
    ++seen[id];
    const double deviation = expected[id] - mean;
    product += i == 0 ? 0 : deviation * before;
    before = deviation;
  }
  const double correlation = product / (count - 1) / (square - mean * mean);
  EXPECT_LT(std::abs(correlation), 4 / std::sqrt(count));

  // Tokens too rare for a chi-square are taken together.
  double chi_square = 0;
  double bins = 0;
  double rare_expected = 0;
  double rare_seen = 0;
  const auto add = [&](double mean_of_bin, double seen_in_bin) {
    chi_square += (seen_in_bin - mean_of_bin) * (seen_in_bin - mean_of_bin) / mean_of_bin;
    ++bins;
  };
  for (std::size_t id = 0; id < expected.size(); ++id) {
    if (expected[id] == 0) {
      EXPECT_EQ(seen[id], 0) << "token " << id << " is cut";
    } else if (expected[id] * count < 10) {
      rare_expected += expected[id] * count;
      rare_seen += seen[id];
    } else {
      add(expected[id] * count, seen[id]);
    }
  }
  if (rare_expected >= 10) {
    add(rare_expected, rare_seen);
  }
  EXPECT_GT(bins, 3);
  EXPECT_LT(chi_square, chi_square_limit(bins - 1));
}

INSTANTIATE_TEST_SUITE_P(Options, EngineDraws,
                         ::testing::Values(Case{"cool", options(0.7)}, Case{"plain", options(1)},
                                           Case{"hot", options(1.3)}, Case{"top_k", options(1, 20)},
                                           Case{"top_p", options(0.7, 0, 0.8F)},
                                           Case{"min_p", options(1.3, 0, 1, 0.3F)},
                                           Case{"all", options(1.3, 60, 0.9F, 0.2F)}),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace cogent::rollout
