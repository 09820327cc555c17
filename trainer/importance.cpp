#include "trainer/importance.hpp"

#include <algorithm>
#include <cmath>

namespace cogent::trainer {

double importance_weight(const GrpoSettings& settings, double log_weight) {
  const double weight = std::exp(log_weight);
  switch (settings.importance) {
    case Importance::kNone:
      return 1;
    case Importance::kTruncate:
      return std::clamp(weight, settings.importance_floor, settings.importance_cap);
    case Importance::kMask:
      return weight < settings.importance_floor || weight > settings.importance_cap ? 0 : weight;
  }
  return 1;
}

}  // namespace cogent::trainer
