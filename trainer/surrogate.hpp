#pragma once

#include "core/config/run_config.hpp"

namespace cogent::trainer {

// Which bound took hold of a token.
enum class Bound { kNone, kLow, kHigh, kDelta };

// The policy's share of a token's loss.
struct SurrogateLoss {
  double value = 0;
  double gradient = 0;  // d value / d logprob
  Bound bound = Bound::kNone;
};

// PPO's clipped objective: -min(c1 A, c2 A) with c2 = clamp(ratio, 1 - clip_low, 1 + clip_high) and
// c1 = ratio, or min(ratio, delta) where delta > 0 (dual clip, for negative advantages). A clamped
// branch has no gradient; kLow and kHigh say that the clamped branch c2 was the smaller one. The
// gradient is also right for a sequence's ratio (PolicyLoss). Sources: TRL's grpo_trainer; verl's
// compute_policy_loss, which is equal for delta > 1 + clip_high.
SurrogateLoss clipped_surrogate(const GrpoSettings& settings, double advantage, double ratio);

// CISPO: -c A logprob with c = clamp(ratio, 1 - clip_low, 1 + clip_high) as a constant, so that
// every token keeps a gradient. kLow and kHigh: the weight was clamped. Source: MiniMax-M1,
// arXiv 2506.13585.
SurrogateLoss cispo_surrogate(const GrpoSettings& settings, double advantage, double ratio,
                              double logprob);

}  // namespace cogent::trainer
