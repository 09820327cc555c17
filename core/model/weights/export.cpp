#include "core/model/weights/export.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/model/weights/safetensors_writer.hpp"

#include <array>
#include <vector>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 5> kFiles = {"config.json", "generation_config.json",
                                               "model.safetensors", "tokenizer.json",
                                               "tokenizer_config.json"};

void check_free(const fs::path& out) {
  std::error_code failure;
  if (!fs::exists(out)) {
    return;
  }
  check(fs::is_directory(out) && fs::is_empty(out, failure), ErrorCode::kModel, out.string(),
        " exists and is not an empty folder; choose another name, or remove it");
}

// An empty folder. What an export that was killed left there goes; anything else is not ours.
void make_temporary(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  check(!failure, ErrorCode::kModel, folder.string(), " cannot be made: ", failure.message());
  for (const char* name : kFiles) {
    fs::remove(folder / name, failure);
    fs::remove(folder / (std::string(name) + ".tmp"), failure);
  }
  check(fs::is_empty(folder, failure), ErrorCode::kModel, folder.string(),
        " holds files of something else; remove them");
}

void write_weights(const ModelConfig& config, const ReadParameter& read_parameter, ExportType type,
                   const fs::path& path) {
  std::vector<ParameterSpec> parameters;
  for (UnitSpec& unit : unit_specs(config)) {
    for (ParameterSpec& parameter : unit.parameters) {
      parameters.push_back(std::move(parameter));
    }
  }
  SafetensorsWriter writer(path, parameters, type);
  std::vector<float> values;
  for (const ParameterSpec& parameter : parameters) {
    values.resize(static_cast<std::size_t>(parameter.size()));
    read_parameter(parameter, values);
    writer.write(values);
  }
  writer.finish();
}

}  // namespace

void export_huggingface(const ModelConfig& config, const text::TokenizerSpec& tokenizer,
                        const ReadParameter& read_parameter, ExportType type, const fs::path& out) {
  check_model_config(config, "the model to export");
  const fs::path target = out.has_filename() ? out : out.parent_path();  // "out/" is "out"
  check_free(target);
  const fs::path folder = target.string() + ".tmp";
  make_temporary(folder);
  const auto write = [&](const char* name, const std::string& text) {
    write_file_atomic(folder / name, text, ErrorCode::kModel);
  };
  write("config.json", write_model_config_json(config, type));
  write("generation_config.json", write_generation_config_json(config));
  write("tokenizer.json", text::write_tokenizer_json(tokenizer));
  write("tokenizer_config.json", text::write_tokenizer_config_json(tokenizer));
  write_weights(config, read_parameter, type, folder / "model.safetensors");
  sync_path(folder, ErrorCode::kModel);
  std::error_code failure;
  fs::rename(folder, target, failure);
  check(!failure, ErrorCode::kModel, folder.string(), " cannot be renamed to ", target.string(),
        ": ", failure.message());
  sync_path(target.has_parent_path() ? target.parent_path() : fs::path("."), ErrorCode::kModel);
}

}  // namespace cogent::model
