#include "trainer/advantage.hpp"

#include <cmath>

namespace cogent::trainer {
namespace {

constexpr double kStdFloor = 1e-4;

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double sample_std(std::span<const double> values) {
  if (values.size() < 2) {
    return 0;
  }
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
  }
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

}  // namespace

std::vector<std::vector<double>> group_advantages(std::span<const std::vector<double>> rewards,
                                                  ScaleRewards scale) {
  std::vector<double> all;
  for (const auto& group : rewards) {
    all.insert(all.end(), group.begin(), group.end());
  }
  const double batch_std = sample_std(all);
  std::vector<std::vector<double>> advantages;
  advantages.reserve(rewards.size());
  for (const auto& group : rewards) {
    const double mean = mean_of(group);
    double divisor = 1;
    if (scale == ScaleRewards::kGroup) {
      divisor = sample_std(group) + kStdFloor;
    } else if (scale == ScaleRewards::kBatch) {
      divisor = batch_std + kStdFloor;
    }
    std::vector<double>& out = advantages.emplace_back();
    for (const double reward : group) {
      out.push_back((reward - mean) / divisor);
    }
  }
  return advantages;
}

}  // namespace cogent::trainer
