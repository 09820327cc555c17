#pragma once

#include "core/config/run_config.hpp"

#include <c10/core/ScalarType.h>

namespace CLI {
class App;
}

namespace cogent::launch {

// The type of the weights that are computed with, as tensors have it.
inline at::ScalarType scalar_type(WeightType type) {
  return type == WeightType::kBFloat16 ? at::kBFloat16 : at::kFloat;
}

// --weights of the commands that compute without a configuration: the key model.weights.
void add_weights_option(CLI::App& command, WeightType& type);

}  // namespace cogent::launch
