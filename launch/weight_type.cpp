#include "launch/weight_type.hpp"

#include "core/base/log.hpp"
#include "core/config/working_weights.hpp"
#include "core/model/ops/ops.hpp"

#include <CLI/CLI.hpp>

#include <malloc.h>
#include <string>

namespace cogent::launch {
namespace {

at::ScalarType scalar_type(WeightType type) {
  return type == WeightType::kBFloat16 ? at::kBFloat16 : at::kFloat;
}

void add_type_option(CLI::App& command, const std::string& name, WeightType& type,
                     const std::string& description) {
  command
      .add_option_function<std::string>(
          name,
          [&type](const std::string& value) {
            type = value == "bfloat16" ? WeightType::kBFloat16 : WeightType::kFloat32;
          },
          description)
      ->check(CLI::IsMember({"float32", "bfloat16"}));
}

}  // namespace

at::ScalarType weight_type(const ModelSettings& model) {
  return scalar_type(working_weights(model));
}

const model::OpTable& compute_ops(const ModelSettings& model) {
  return model::cpu_ops(scalar_type(model.compute));
}

void give_back_temporaries(const ModelSettings& model) {
  if (model.compute == WeightType::kBFloat16) {
    constexpr int kOwnMapping = 1 << 20;  // bytes
    mallopt(M_MMAP_THRESHOLD, kOwnMapping);
  }
}

void warn_of_slow_compute(const ModelSettings& model) {
  if (model.compute == WeightType::kBFloat16 && !model::cpu_multiplies_bfloat16()) {
    log_warning(
        "computing in bfloat16 on a CPU without AVX512-BF16: products are those of float32 over "
        "widened values, which takes longer than computing in float32");
  }
}

void add_type_options(CLI::App& command, ModelSettings& model) {
  add_type_option(command, "--weights", model.weights,
                  "type of the weights that are computed with: float32, or bfloat16, which takes "
                  "half the memory");
  add_type_option(command, "--compute", model.compute,
                  "type of activations and matrix products: float32, or bfloat16, with bfloat16 "
                  "weights");
}

}  // namespace cogent::launch
