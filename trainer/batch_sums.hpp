#pragma once

#include "trainer/policy_loss.hpp"

#include <array>
#include <cstddef>

namespace cogent::trainer {

// Counts of |sampler - learner| log-probability: exactly 0, below 1e-6, below 1e-5, ... below 1,
// and 1 or more.
inline constexpr std::size_t kDifferenceBins = 9;
using DifferenceCounts = std::array<double, kDifferenceBins>;
std::size_t difference_bin(double difference);

// Sums over the trained tokens of one micro-batch, float64 throughout, so that an array of them
// travels as numbers; the learners add them in canonical order.
struct BatchSums {
  double loss = 0;  // weighted: the micro-batch's share of the mini-batch's loss
  double tokens = 0;
  double kl = 0, entropy = 0, ratio = 0, importance = 0;
  double clipped_low = 0, clipped_high = 0, clipped_delta = 0;  // tokens
  DifferenceCounts differences = {};
  // Maxima, NaN where a token has NaN.
  double ratio_deviation = 0;  // |ratio - 1|
  double importance_max = 0;

  // One token; `weight` is its token_weight.
  void add(const TokenLoss& loss, double weight, double token_entropy);
  void add(const BatchSums& other);
};

}  // namespace cogent::trainer
