#pragma once

#include "core/model/transformer.hpp"

#include <ATen/core/Tensor.h>

#include <cstddef>

namespace cogent::model {

// Where the parameters of a linear layer stand in its unit. kAbsent: the family has no such one.
inline constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
struct LinearLayout {
  std::size_t weight = kAbsent;
  std::size_t bias = kAbsent;
  std::size_t lora_a = kAbsent;
  std::size_t lora_b = kAbsent;
};

// Where each parameter of a block stands in its UnitTensors (the order of unit_specs, then that of
// adapter_specs).
struct BlockLayout {
  std::size_t input_norm = kAbsent;
  LinearLayout q, k, v;
  std::size_t q_norm = kAbsent, k_norm = kAbsent;
  LinearLayout o;
  std::size_t post_norm = kAbsent;
  LinearLayout gate, up, down;
};
BlockLayout block_layout(const ModelConfig& config, const LoraConfig& lora = {});

// A parameter of a unit, or its gradient; an undefined tensor where the unit has none.
inline at::Tensor parameter(const UnitTensors& unit, std::size_t index) {
  return index >= unit.size() ? at::Tensor() : unit[index];
}

// Angle a position of each pair of a head's dimensions: [head_dim / 2], after RoPE scaling.
std::vector<double> rope_frequencies(const ModelConfig& config);

}  // namespace cogent::model
