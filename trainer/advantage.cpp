#include "trainer/advantage.hpp"

#include <algorithm>
#include <cmath>

namespace cogent::trainer {
namespace {

// Rewards minus their baseline.
std::vector<double> centred(std::span<const double> group, Baseline baseline) {
  std::vector<double> out(group.size(), 0.0);
  // The rounded mean of equal rewards may differ from them.
  if (group.empty() || std::ranges::all_of(group, [&](double r) { return r == group.front(); })) {
    return out;
  }
  const double mean = mean_of(group);
  const auto count = static_cast<double>(group.size());
  const double factor = baseline == Baseline::kLeaveOneOut ? count / (count - 1) : 1;
  for (std::size_t i = 0; i < group.size(); ++i) {
    out[i] = factor * (group[i] - mean);
  }
  return out;
}

}  // namespace

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

std::vector<std::vector<double>> group_advantages(std::span<const std::vector<double>> rewards,
                                                  const GrpoSettings& settings) {
  std::vector<double> all;
  for (const auto& group : rewards) {
    all.insert(all.end(), group.begin(), group.end());
  }
  const double batch_std = sample_std(all);
  std::vector<std::vector<double>> advantages;
  advantages.reserve(rewards.size());
  for (const auto& group : rewards) {
    std::vector<double>& out = advantages.emplace_back(centred(group, settings.baseline));
    if (settings.scale_rewards == ScaleRewards::kNone) {
      continue;
    }
    const double deviation =
        settings.scale_rewards == ScaleRewards::kGroup ? sample_std(group) : batch_std;
    for (double& advantage : out) {
      // Without deviation and scale_eps there is nothing to divide: the advantages are 0.
      advantage = advantage == 0 ? 0 : advantage / (deviation + settings.scale_eps);
    }
  }
  return advantages;
}

}  // namespace cogent::trainer
