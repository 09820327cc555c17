#pragma once

#include "core/config/run_config.hpp"
#include "core/model/weights/lora.hpp"

namespace cogent::launch {

// The adapter that lora.* asks a run to train over this model: a new one by the run's seed, or the
// one of lora.adapter. Off where no key asks for one. An Error of kUsage where a lora key
// contradicts the adapter's own shape.
model::Adapter run_adapter(const RunConfig& config, const model::ModelConfig& model);

}  // namespace cogent::launch
