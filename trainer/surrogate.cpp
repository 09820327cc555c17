#include "trainer/surrogate.hpp"

#include <algorithm>

namespace cogent::trainer {
namespace {

double clipped(const GrpoSettings& settings, double ratio) {
  return std::clamp(ratio, 1 - settings.clip_low, 1 + settings.clip_high);
}

}  // namespace

SurrogateLoss clipped_surrogate(const GrpoSettings& settings, double advantage, double ratio) {
  const bool bounded = settings.delta > 0 && ratio > settings.delta;
  const double c1 = bounded ? settings.delta : ratio;
  const double c2 = clipped(settings, ratio);
  // Ties go to the unclipped branch, which has the gradient.
  if (c2 * advantage < c1 * advantage) {
    return {.value = -c2 * advantage, .bound = ratio < 1 ? Bound::kLow : Bound::kHigh};
  }
  if (bounded) {
    return {.value = -c1 * advantage, .bound = Bound::kDelta};
  }
  return {.value = -c1 * advantage, .gradient = -ratio * advantage};
}

SurrogateLoss cispo_surrogate(const GrpoSettings& settings, double advantage, double ratio,
                              double logprob) {
  const double weight = clipped(settings, ratio);
  Bound bound = Bound::kNone;
  if (weight != ratio) {
    bound = ratio < weight ? Bound::kLow : Bound::kHigh;
  }
  return {.value = -weight * advantage * logprob, .gradient = -weight * advantage, .bound = bound};
}

}  // namespace cogent::trainer
