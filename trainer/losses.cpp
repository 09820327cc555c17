#include "trainer/losses.hpp"

#include <algorithm>
#include <cmath>

namespace cogent::trainer {

double token_weight(LossType type, const LossNormaliser& normaliser, std::int64_t length) {
  const auto at_least_one = [](std::int64_t value) {
    return static_cast<double>(std::max<std::int64_t>(1, value));
  };
  switch (type) {
    case LossType::kGrpo:
      return 1 / (at_least_one(normaliser.sequences) * at_least_one(length));
    case LossType::kDapo:
    case LossType::kBnpo:
      return 1 / at_least_one(normaliser.tokens);
    case LossType::kDrGrpo:
      return 1 / (at_least_one(normaliser.sequences) * at_least_one(normaliser.max_new_tokens));
  }
  return 0;
}

TokenLoss grpo_token_loss(const GrpoSettings& settings, double advantage, const TokenTerm& token) {
  TokenLoss loss;
  loss.ratio = std::exp(token.logprob - token.old);
  const bool bounded = settings.delta > 0 && loss.ratio > settings.delta;
  const double c1 = bounded ? settings.delta : loss.ratio;
  const double c2 = std::clamp(loss.ratio, 1 - settings.clip_low, 1 + settings.clip_high);
  // Ties go to the unclipped branch, which has the gradient.
  loss.clipped = c2 * advantage < c1 * advantage;
  loss.value = -(loss.clipped ? c2 : c1) * advantage;
  loss.gradient = loss.clipped || bounded ? 0 : -loss.ratio * advantage;
  if (settings.beta > 0) {
    const double difference = token.reference - token.logprob;
    loss.kl = std::exp(difference) - difference - 1;
    loss.value += settings.beta * loss.kl;
    loss.gradient += settings.beta * (1 - std::exp(difference));
  }
  return loss;
}

}  // namespace cogent::trainer
