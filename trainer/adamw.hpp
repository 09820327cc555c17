#pragma once

#include "core/config/run_config.hpp"

#include <cstdint>
#include <span>

namespace cogent::trainer {

// The scalars of one AdamW update, fixed for all values (Loshchilov & Hutter 2019;
// torch.optim.AdamW's form).
struct AdamWStep {
  float lr = 0;
  float beta1 = 0, beta2 = 0;
  float eps = 0;
  float weight_decay = 0;           // decoupled; parameters that do not decay are called with 0
  float gradient_scale = 1;         // from clipping by global norm
  float bias_correction1 = 1;       // 1 - beta1^t
  float bias_correction2_sqrt = 1;  // sqrt(1 - beta2^t)
};
// `t` counts updates that were applied, from 1.
AdamWStep adamw_step(const OptimizerSettings& settings, double lr, double gradient_scale,
                     std::int64_t t);

// In place, elementwise; all spans have equal length.
void adamw_update(const AdamWStep& step, std::span<float> weights, std::span<const float> gradient,
                  std::span<float> exp_avg, std::span<float> exp_avg_sq);

}  // namespace cogent::trainer
