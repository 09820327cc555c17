#pragma once

#include "core/model/weights/model_config.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::model {

// The storage type of an exported model's weights. bfloat16 rounds to nearest even.
enum class ExportType { kFloat32, kBfloat16 };

// A Hugging Face config.json of model_type llama, qwen2 or qwen3, in the layout of transformers 4
// (rope_theta, rope_scaling) or 5 (rope_parameters). Arithmetic that these models may ask for and
// that is not supported (another activation, sliding windows, other RoPE scalings) is an Error of
// kModel that begins with `source` and names the key and its value. The result is checked.
ModelConfig parse_model_config_json(std::string_view text, const std::string& source);

// The eos_token_id of a generation_config.json; none where the text is empty or has none.
std::vector<std::int32_t> parse_generation_eos_ids(std::string_view text,
                                                   const std::string& source);

// The config.json and generation_config.json that transformers reads back to the same model.
std::string write_model_config_json(const ModelConfig& config, ExportType type);
std::string write_generation_config_json(const ModelConfig& config);

}  // namespace cogent::model
