#pragma once

#include "core/model/weights/lora.hpp"

#include <string>
#include <string_view>

namespace cogent::model {

inline constexpr const char* kPeftConfigName = "adapter_config.json";
inline constexpr const char* kPeftWeightsName = "adapter_model.safetensors";

// What an adapter_config.json of PEFT says.
struct PeftConfig {
  // Targets: those that target_modules names one by one; none where it holds something else (a
  // regular expression, the path of one module), and the tensors have to tell.
  LoraConfig lora;
  std::string base;    // base_model_name_or_path; empty where there is none
  double dropout = 0;  // lora_dropout: of training, nothing of the model
};

// A key that asks for arithmetic that Cogent does not have (another kind of adapter, DoRA, biases,
// modules to save, ranks that differ, an initialisation that changes the base), or that is not
// known and is set, is an Error of kModel that begins with `source` and names it.
PeftConfig parse_peft_config(std::string_view text, const std::string& source);

// The adapter_config.json that PEFT reads back to the same adapter.
std::string write_peft_config(const LoraConfig& lora, const std::string& base);

}  // namespace cogent::model
