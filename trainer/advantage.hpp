#pragma once

#include "core/config/run_config.hpp"

#include <span>
#include <vector>

namespace cogent::trainer {

// Advantages of the completions of a step: reward minus the baseline, divided by (standard
// deviation + scale_eps) of the group (ScaleRewards::kGroup), of all rewards of the step (kBatch),
// or not (kNone). Baseline::kGroupMean: the mean of the group; kLeaveOneOut: of the others in the
// group (RLOO, arXiv 2402.14740). The standard deviation is the sample's (n - 1). A group of one
// and a group of equal rewards have advantages of exactly 0. rewards[g] are those of group g; the
// result has the same shape. Source: TRL's grpo_trainer, "group advantages".
std::vector<std::vector<double>> group_advantages(std::span<const std::vector<double>> rewards,
                                                  const GrpoSettings& settings);

// Mean and sample standard deviation; 0 of fewer values than they need.
double mean_of(std::span<const double> values);
double sample_std(std::span<const double> values);

}  // namespace cogent::trainer
