#pragma once

#include "core/config/run_config.hpp"

#include <cstdint>

namespace cogent::trainer {

// What a mini-batch's sum is divided by. Sequences without gradient, which are not computed, count
// here like any other.
struct LossNormaliser {
  std::int64_t sequences = 0;       // rows of the mini-batch, masked ones included
  std::int64_t tokens = 0;          // trained tokens of the mini-batch
  std::int64_t max_new_tokens = 0;  // the constant length of dr_grpo and token_sum_norm
};

// Weight of the loss of one token of a sequence of `length` trained tokens. N sequences, T tokens,
// L max_new_tokens; a divisor of 0 counts as 1. Formulas, and what other libraries call them:
// docs/objectives.md.
//   grpo            1 / (N * length)
//   dapo, bnpo      1 / T       bnpo's unit is the update here, so the two are one
//   dr_grpo         1 / (N * L)
//   token_sum_norm  1 / L
double token_weight(LossType type, const LossNormaliser& normaliser, std::int64_t length);

}  // namespace cogent::trainer
