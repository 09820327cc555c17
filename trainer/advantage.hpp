#pragma once

#include "core/config/run_config.hpp"

#include <span>
#include <vector>

namespace cogent::trainer {

// Advantages of the completions of a step: reward minus the mean of its group, divided by (standard
// deviation + 1e-4) of the group (ScaleRewards::kGroup), of all rewards of the step (kBatch), or
// not (kNone). The standard deviation is the sample's (n - 1); a group of one has none and counts
// as 0. rewards[g] are those of group g; the result has the same shape. Source: TRL's grpo_trainer,
// "group advantages".
std::vector<std::vector<double>> group_advantages(std::span<const std::vector<double>> rewards,
                                                  ScaleRewards scale);

}  // namespace cogent::trainer
