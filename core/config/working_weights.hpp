#pragma once

#include "core/config/run_config.hpp"

namespace cogent {

// The type of the weights that sampler and learner compute with: model.weights, and always bfloat16
// under model.compute: bfloat16.
inline WeightType working_weights(const ModelSettings& model) {
  return model.compute == WeightType::kBFloat16 ? WeightType::kBFloat16 : model.weights;
}

}  // namespace cogent
