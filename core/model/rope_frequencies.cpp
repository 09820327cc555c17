#include "core/model/block_layout.hpp"

#include <cmath>
#include <numbers>

namespace cogent::model {
namespace {

// Llama 3.1: wavelengths past the low-frequency border are stretched by the factor, those below the
// high-frequency border stay, and those between are blended.
double llama3_frequency(double frequency, const RopeScaling& scaling) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double original = static_cast<double>(scaling.original_max_positions);
  if (wavelength > original / scaling.low_freq_factor) {
    return frequency / scaling.factor;
  }
  if (wavelength < original / scaling.high_freq_factor) {
    return frequency;
  }
  const double blend = (original / wavelength - scaling.low_freq_factor) /
                       (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - blend) * frequency / scaling.factor + blend * frequency;
}

}  // namespace

std::vector<double> rope_frequencies(const ModelConfig& config) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < config.head_dim; i += 2) {
    const double exponent = static_cast<double>(i) / static_cast<double>(config.head_dim);
    const double frequency = std::pow(config.rope_theta, -exponent);
    switch (config.rope_scaling.type) {
      case RopeScalingType::kNone:
        frequencies.push_back(frequency);
        break;
      case RopeScalingType::kLinear:
        frequencies.push_back(frequency / config.rope_scaling.factor);
        break;
      case RopeScalingType::kLlama3:
        frequencies.push_back(llama3_frequency(frequency, config.rope_scaling));
        break;
    }
  }
  return frequencies;
}

}  // namespace cogent::model
