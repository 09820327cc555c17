#include "trainer/adamw.hpp"

#include "core/base/error.hpp"

#include <cmath>

namespace cogent::trainer {

AdamWStep adamw_step(const OptimizerSettings& settings, double lr, double gradient_scale,
                     std::int64_t t) {
  const double beta1 = settings.betas[0];
  const double beta2 = settings.betas[1];
  const auto power = static_cast<double>(t);
  return {.lr = static_cast<float>(lr),
          .beta1 = static_cast<float>(beta1),
          .beta2 = static_cast<float>(beta2),
          .eps = static_cast<float>(settings.eps),
          .weight_decay = static_cast<float>(settings.weight_decay),
          .gradient_scale = static_cast<float>(gradient_scale),
          .bias_correction1 = static_cast<float>(1 - std::pow(beta1, power)),
          .bias_correction2_sqrt = static_cast<float>(std::sqrt(1 - std::pow(beta2, power)))};
}

void adamw_update(const AdamWStep& step, std::span<float> weights, std::span<const float> gradient,
                  std::span<float> exp_avg, std::span<float> exp_avg_sq) {
  check(weights.size() == gradient.size() && weights.size() == exp_avg.size() &&
            weights.size() == exp_avg_sq.size(),
        ErrorCode::kUnexpected, "AdamW got ", weights.size(), " weights but ", gradient.size(),
        " gradient values");
  const float keep = 1 - step.lr * step.weight_decay;
  const float step_size = step.lr / step.bias_correction1;
  float* __restrict w = weights.data();
  const float* __restrict g = gradient.data();
  float* __restrict m = exp_avg.data();
  float* __restrict v = exp_avg_sq.data();
  const std::size_t count = weights.size();
  for (std::size_t i = 0; i < count; ++i) {
    const float scaled = g[i] * step.gradient_scale;
    m[i] = step.beta1 * m[i] + (1 - step.beta1) * scaled;
    v[i] = step.beta2 * v[i] + (1 - step.beta2) * scaled * scaled;
    const float denominator = std::sqrt(v[i]) / step.bias_correction2_sqrt + step.eps;
    w[i] = w[i] * keep - step_size * m[i] / denominator;
  }
}

}  // namespace cogent::trainer
