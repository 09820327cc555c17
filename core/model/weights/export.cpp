#include "core/model/weights/export.hpp"

#include "core/base/files.hpp"
#include "core/model/weights/output_folder.hpp"
#include "core/model/weights/safetensors_writer.hpp"

#include <array>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 5> kFiles = {"config.json", "generation_config.json",
                                               "model.safetensors", "tokenizer.json",
                                               "tokenizer_config.json"};

}  // namespace

void export_huggingface(const ModelConfig& config, const text::TokenizerSpec& tokenizer,
                        const ReadParameter& read_parameter, ExportType type, const fs::path& out) {
  check_model_config(config, "the model to export");
  const OutputFolder folder(out, kFiles);
  const auto write = [&](const char* name, const std::string& text) {
    write_file_atomic(folder.path() / name, text, ErrorCode::kModel);
  };
  write("config.json", write_model_config_json(config, type));
  write("generation_config.json", write_generation_config_json(config));
  write("tokenizer.json", text::write_tokenizer_json(tokenizer));
  write("tokenizer_config.json", text::write_tokenizer_config_json(tokenizer));
  write_safetensors(folder.path() / "model.safetensors", unit_specs(config), type, read_parameter);
  folder.finish();
}

}  // namespace cogent::model
