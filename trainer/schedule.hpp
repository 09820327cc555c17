#pragma once

#include "core/config/run_config.hpp"

#include <cstdint>

namespace cogent::trainer {

// Learning rate of update `update` (from 0) of `total`: linear warm-up over the first
// ceil(warmup_ratio * total) updates from 0, then the schedule down to 0 at `total`, where it
// stays. The formulas are those of transformers' get_*_schedule_with_warmup, which the published
// recipes used.
double learning_rate(const OptimizerSettings& settings, std::int64_t update, std::int64_t total);

}  // namespace cogent::trainer
