#include "trainer/kl.hpp"

#include <cmath>

namespace cogent::trainer {

KlTerm kl_term(KlEstimator estimator, double logprob, double reference) {
  const double difference = reference - logprob;
  switch (estimator) {
    case KlEstimator::kK1:
      return {.value = -difference, .gradient = 1};
    case KlEstimator::kK2:
      return {.value = difference * difference / 2, .gradient = -difference};
    case KlEstimator::kK3:
      return {.value = std::exp(difference) - difference - 1, .gradient = 1 - std::exp(difference)};
  }
  return {};
}

}  // namespace cogent::trainer
