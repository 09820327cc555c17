#pragma once

#include "core/config/run_config.hpp"

namespace cogent::trainer {

// The weight of a token or sequence that the behaviour policy drew and the proximal one is trained
// from. log_weight: proximal minus behaviour log-probability, of the token or summed over the
// sequence. kTruncate: the weight within [importance_floor, importance_cap]; kMask: 0 outside of
// it; kNone: 1. Sources: decoupled PPO, arXiv 2505.24298 (AReaL); truncated importance sampling and
// its masked form as in TRL's vllm_importance_sampling_mode.
double importance_weight(const GrpoSettings& settings, double log_weight);

}  // namespace cogent::trainer
