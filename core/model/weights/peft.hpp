#pragma once

#include "core/model/weights/hf_config.hpp"
#include "core/model/weights/lora.hpp"
#include "core/model/weights/peft_config.hpp"

#include <filesystem>
#include <string>

namespace cogent::model {

// Adapters as PEFT keeps them: a folder of adapter_config.json and adapter_model.safetensors
// (docs/lora.md). Errors are of kModel.

bool is_peft_folder(const std::filesystem::path& folder);
PeftConfig read_peft_config(const std::filesystem::path& folder);

// The folder's adapter for this model. Its tensors have to be A and B of the same layers in every
// block and nothing else, in the model's shapes. They stay mapped and are read as float32.
Adapter open_peft_adapter(const std::filesystem::path& folder, const ModelConfig& model);

// Writes the folder. `base`: what PEFT is to open as the base model. Everything is written into
// OUT.tmp, which becomes `out` at the end; an `out` that exists and is not empty is an Error.
void export_peft(const ModelConfig& model, const Adapter& adapter, const std::string& base,
                 ExportType type, const std::filesystem::path& out);

}  // namespace cogent::model
