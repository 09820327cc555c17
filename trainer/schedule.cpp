#include "trainer/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cogent::trainer {

double learning_rate(const OptimizerSettings& settings, std::int64_t update, std::int64_t total) {
  const auto warmup =
      static_cast<std::int64_t>(std::ceil(settings.warmup_ratio * static_cast<double>(total)));
  if (update < warmup) {
    return settings.lr * static_cast<double>(update) /
           static_cast<double>(std::max<std::int64_t>(1, warmup));
  }
  // Behind `total` a cosine would rise again.
  const double progress =
      std::min(1.0, static_cast<double>(update - warmup) /
                        static_cast<double>(std::max<std::int64_t>(1, total - warmup)));
  switch (settings.schedule) {
    case Schedule::kCosine:
      return settings.lr * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    case Schedule::kLinear:
      return settings.lr * (1 - progress);
    case Schedule::kConstant:
      return settings.lr;
  }
  return settings.lr;
}

}  // namespace cogent::trainer
