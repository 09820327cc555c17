#pragma once

#include "core/model/weights/model_config.hpp"
#include "core/model/weights/weight_source.hpp"

#include <cstdint>
#include <vector>

namespace cogent::trainer {

// XXH3-64 over the XXH3-64 of every leaf's float32 values in canonical order: what
// ShardedModel::weights_xxh3 gives of the same weights, read one parameter at a time.
std::uint64_t weights_xxh3(const std::vector<model::UnitSpec>& units,
                           const model::ReadParameter& read_parameter);
std::uint64_t weights_xxh3(const model::WeightSource& weights);

}  // namespace cogent::trainer
