#pragma once

#include "core/config/run_config.hpp"
#include "core/records/records.hpp"
#include "trainer/aggregation.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::trainer {

// Sequences of a step, in order of groups and completions, with their advantages; empty completions
// (a stop at once) are left out, but their rewards count in their groups.
std::vector<TrainSequence> train_sequences(std::span<const RolloutGroup> groups,
                                           const GrpoSettings& settings);

// Advantages anew, from rewards lessened by grpo.beta times the KL of each completion. kl: one
// value a sequence, summed over its tokens; `sequences` as train_sequences made them of `groups`.
void take_kl_from_rewards(std::span<const RolloutGroup> groups, const GrpoSettings& settings,
                          std::span<const double> kl, std::span<TrainSequence> sequences);

// What a mini-batch computes, and what its sum is divided by.
struct Selection {
  std::vector<std::size_t> chosen;  // indices of sequences
  LossNormaliser normaliser;
  std::int64_t without_gradient = 0;  // trained sequences that are left out, as they change nothing
};

// Of the sequences of groups [first_group, first_group + groups): those that are trained
// (grpo.mask_truncated) and have a gradient. max_new_tokens: rollout.max_new_tokens.
Selection select_sequences(std::span<const TrainSequence> all, const GrpoSettings& settings,
                           std::int64_t first_group, std::int64_t groups,
                           std::int64_t max_new_tokens);

}  // namespace cogent::trainer
