#pragma once

#include "core/config/run_config.hpp"

#include <c10/core/ScalarType.h>

namespace CLI {
class App;
}
namespace cogent::model {
struct OpTable;
}

namespace cogent::launch {

// The type of the weights that are computed with, as tensors have it.
at::ScalarType weight_type(const ModelSettings& model);
// The ops that compute in the type of model.compute.
const model::OpTable& compute_ops(const ModelSettings& model);
// The reference ops compute in widened copies of many sizes, which would leave gaps in the heap of
// a tenth of what a process takes: under model.compute: bfloat16 each is mapped and unmapped.
// Called before there are tensors.
void give_back_temporaries(const ModelSettings& model);
// A line of the log where model.compute is bfloat16 and this CPU has no instruction for it.
void warn_of_slow_compute(const ModelSettings& model);

// --weights and --compute of the commands that compute without a configuration: the keys
// model.weights and model.compute.
void add_type_options(CLI::App& command, ModelSettings& model);

}  // namespace cogent::launch
