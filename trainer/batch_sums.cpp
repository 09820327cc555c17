#include "trainer/batch_sums.hpp"

#include <algorithm>
#include <cmath>

namespace cogent::trainer {
namespace {

// NaN where one of the two is: std::max would hide it.
double larger(double a, double b) {
  return a > b || std::isnan(a) ? a : b;
}

}  // namespace

std::size_t difference_bin(double difference) {
  constexpr std::array<double, kDifferenceBins - 2> kEnds = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
  if (difference == 0) {
    return 0;
  }
  // What is no number counts with the largest.
  const auto end = std::ranges::find_if(kEnds, [&](double e) { return std::abs(difference) < e; });
  return 1 + static_cast<std::size_t>(end - kEnds.begin());
}

void BatchSums::add(const TokenLoss& token, double weight, double token_entropy) {
  loss += weight * token.value;
  tokens += 1;
  kl += token.kl;
  entropy += token_entropy;
  ratio += token.ratio;
  importance += token.importance;
  clipped_low += token.bound == Bound::kLow ? 1 : 0;
  clipped_high += token.bound == Bound::kHigh ? 1 : 0;
  clipped_delta += token.bound == Bound::kDelta ? 1 : 0;
  ratio_deviation = larger(ratio_deviation, std::abs(token.ratio - 1));
  importance_max = larger(importance_max, token.importance);
}

void BatchSums::add(const BatchSums& other) {
  loss += other.loss;
  tokens += other.tokens;
  kl += other.kl;
  entropy += other.entropy;
  ratio += other.ratio;
  importance += other.importance;
  clipped_low += other.clipped_low;
  clipped_high += other.clipped_high;
  clipped_delta += other.clipped_delta;
  for (std::size_t bin = 0; bin < kDifferenceBins; ++bin) {
    differences[bin] += other.differences[bin];
  }
  ratio_deviation = larger(ratio_deviation, other.ratio_deviation);
  importance_max = larger(importance_max, other.importance_max);
}

}  // namespace cogent::trainer
