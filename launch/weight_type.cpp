#include "launch/weight_type.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace cogent::launch {

void add_weights_option(CLI::App& command, WeightType& type) {
  command
      .add_option_function<std::string>(
          "--weights",
          [&type](const std::string& name) {
            type = name == "bfloat16" ? WeightType::kBFloat16 : WeightType::kFloat32;
          },
          "type of the weights that are computed with: float32, or bfloat16, which takes half the "
          "memory")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
}

}  // namespace cogent::launch
