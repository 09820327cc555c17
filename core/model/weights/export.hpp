#pragma once

#include "core/model/weights/hf_config.hpp"
#include "core/model/weights/model_config.hpp"
#include "core/text/tokenizer.hpp"

#include <filesystem>
#include <span>

namespace cogent::model {

// Writes a Hugging Face folder that transformers opens: config.json, generation_config.json,
// model.safetensors, tokenizer.json and tokenizer_config.json. One tensor is in memory at a time.
// Everything is written into OUT.tmp, which becomes `out` at the end: a folder of that name is
// always whole. An `out` that exists and is not empty is an Error of kModel, and stays as it is.
void export_huggingface(const ModelConfig& config, const text::TokenizerSpec& tokenizer,
                        const ReadParameter& read_parameter, ExportType type,
                        const std::filesystem::path& out);

}  // namespace cogent::model
