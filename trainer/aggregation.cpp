#include "trainer/aggregation.hpp"

#include <algorithm>

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
    case LossType::kTokenSumNorm:
      return 1 / at_least_one(normaliser.max_new_tokens);
  }
  return 0;
}

}  // namespace cogent::trainer
