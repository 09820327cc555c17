#pragma once

#include "core/config/run_config.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::trainer {

// What a mini-batch's sum is divided by. The loss of token t of sequence i is weighted by
// token_weight(type, normaliser, length of i).
struct LossNormaliser {
  std::int64_t sequences = 0;       // rows of the mini-batch, masked ones included
  std::int64_t tokens = 0;          // trained tokens of the mini-batch
  std::int64_t max_new_tokens = 0;  // dr_grpo's constant length
};

// grpo: 1 / (sequences * length); dapo and bnpo: 1 / tokens (bnpo's unit is the update here);
// dr_grpo: 1 / (sequences * max_new_tokens).
double token_weight(LossType type, const LossNormaliser& normaliser, std::int64_t length);

// One trained token.
struct TokenTerm {
  double logprob = 0;    // policy
  double old = 0;        // behaviour policy
  double reference = 0;  // frozen reference; read only where beta > 0
};

struct TokenLoss {
  double value = 0;      // -min(c1 A, c2 A) + beta k3, unweighted
  double gradient = 0;   // d value / d logprob
  double ratio = 1;      // exp(logprob - old)
  double kl = 0;         // k3 = exp(ref - logprob) - (ref - logprob) - 1; 0 where beta = 0
  bool clipped = false;  // the clipped branch was taken: no policy gradient
};

// The clipped surrogate of GRPO with the k3 estimator of KL(policy || reference). c2 = clamp(ratio,
// 1 - clip_low, 1 + clip_high); c1 = ratio, or min(ratio, delta) where delta > 0. Gradient: 0
// through a branch that is clamped. Source: TRL grpo_trainer; golden numbers in its test.
TokenLoss grpo_token_loss(const GrpoSettings& settings, double advantage, const TokenTerm& token);

}  // namespace cogent::trainer
