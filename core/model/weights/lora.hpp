#pragma once

#include "core/model/weights/model_config.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::model {

// The linear layers of a block that may have an adapter, by PEFT's names of them.
inline constexpr std::array<std::string_view, 7> kLoraTargets = {
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

// Low-rank adaptation (Hu et al., arXiv 2106.09685): the target layers compute W x + b + scale B A
// x with W and b frozen, A [rank, inputs] and B [outputs, rank] trained.
struct LoraConfig {
  std::int64_t rank = 0;  // 0: no adapter
  double alpha = 16;
  bool use_rslora = false;                             // scale by the root of the rank
  std::array<bool, kLoraTargets.size()> targets = {};  // which of kLoraTargets, in every block
  bool on() const { return rank > 0; }
  // alpha / rank, or alpha / sqrt(rank) (rank-stabilised, Kalajdzievski, arXiv 2312.03732).
  double scale() const;
  bool operator==(const LoraConfig&) const = default;
};

// Which of kLoraTargets are named; all of them where a name is all-linear. Throws kUsage, beginning
// with `where`, where there is no name, or one that is no target.
std::array<bool, kLoraTargets.size()> lora_targets(const std::vector<std::string>& names,
                                                   const std::string& where);
std::vector<std::string> target_names(const LoraConfig& lora);

// The adapter's parameters, one unit for each of unit_specs: A, then B, of the block's target
// layers in the order of kLoraTargets. Names are PEFT's
// ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"). Units of no parameters where
// `lora` is off.
std::vector<UnitSpec> adapter_specs(const ModelConfig& config, const LoraConfig& lora);

// An adapter's shape, and where its parameters' values come from.
struct Adapter {
  LoraConfig lora;
  ReadParameter read;
};

// PEFT's default initialisation: A uniform in +-1 / sqrt(inputs) (Kaiming with a = sqrt 5), B zero,
// so that the adapted model is the base. A value depends on the seed and on its parameter alone,
// whatever the other targets are.
Adapter new_adapter(const ModelConfig& config, const LoraConfig& lora, std::uint64_t seed);

}  // namespace cogent::model
