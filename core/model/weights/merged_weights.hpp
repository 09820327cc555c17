#pragma once

#include "core/model/weights/lora.hpp"
#include "core/model/weights/weight_source.hpp"

#include <memory>

namespace cogent::model {

// The base with the adapter added to its matrices, W + scale B A, each value summed in float64 and
// rounded once: a model that needs no adapter. Its log-probabilities are those of the adapter
// beside the base within rounding, not bit by bit.
std::unique_ptr<WeightSource> merge_adapter(std::unique_ptr<WeightSource> base, Adapter adapter);

}  // namespace cogent::model
