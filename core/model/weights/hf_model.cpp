#include "core/model/weights/hf_model.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/model/weights/hf_config.hpp"
#include "core/model/weights/safetensors.hpp"

#include <algorithm>
#include <set>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;

std::string read_optional(const fs::path& path) {
  return fs::exists(path) ? read_file(path, ErrorCode::kModel) : std::string();
}

// config.json, with the end tokens of generation_config.json in front: they are the ones that
// sampling goes by.
ModelConfig read_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  check(fs::exists(path), ErrorCode::kModel, folder.string(),
        " has no config.json: a Hugging Face model folder is needed");
  ModelConfig config = parse_model_config_json(read_file(path, ErrorCode::kModel), path.string());
  const fs::path generation = folder / "generation_config.json";
  std::vector<std::int32_t> ids =
      parse_generation_eos_ids(read_optional(generation), generation.string());
  for (const std::int32_t id : config.eos_ids) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
      ids.push_back(id);
    }
  }
  config.eos_ids = std::move(ids);
  check_model_config(config, folder.string());
  return config;
}

bool has_shape(const SafetensorsTensor& tensor, const ParameterSpec& parameter) {
  return parameter.is_matrix()
             ? tensor.shape == std::vector<std::int64_t>{parameter.rows, parameter.cols}
             : tensor.shape == std::vector<std::int64_t>{parameter.rows};
}

class HfModel : public WeightSource {
 public:
  explicit HfModel(const fs::path& folder)
      : folder_(folder), config_(read_config(folder)), files_(folder) {
    std::set<std::string, std::less<>> used;
    for (const UnitSpec& unit : unit_specs(config_)) {
      for (const ParameterSpec& parameter : unit.parameters) {
        find(parameter, ErrorCode::kModel);
        used.insert(parameter.name);
      }
    }
    for (const auto& [name, tensor] : files_.tensors()) {
      // Old files hold RoPE's frequencies too, and some tied models the embedding twice.
      const bool redundant = name.ends_with(".rotary_emb.inv_freq") ||
                             (config_.tied_embeddings && name == "lm_head.weight");
      check(used.contains(name) || redundant, ErrorCode::kModel, folder_.string(), ": tensor ",
            name, " has no place in the ", config_.model_type, " model that config.json describes");
    }
  }

  const ModelConfig& config() const override { return config_; }

  void read(const ParameterSpec& parameter, std::span<float> out) const override {
    const SafetensorsTensor& tensor = find(parameter, ErrorCode::kUnexpected);
    tensor.to_float(out);
    files_.drop_pages(tensor);
  }

 private:
  const SafetensorsTensor& find(const ParameterSpec& parameter, ErrorCode code) const {
    const SafetensorsTensor* tensor = files_.find_tensor(parameter.name);
    check(tensor != nullptr, code, folder_.string(), ": tensor ", parameter.name, " is missing");
    check(has_shape(*tensor, parameter), code, folder_.string(), ": tensor ", parameter.name,
          " has ", tensor->size(), " values in ", tensor->shape.size(),
          " dimensions, but config.json makes it ", parameter.rows,
          parameter.is_matrix() ? concat(" x ", parameter.cols) : std::string());
    return *tensor;
  }

  fs::path folder_;
  ModelConfig config_;
  SafetensorsFolder files_;
};

}  // namespace

std::unique_ptr<WeightSource> open_hf_model(const fs::path& folder) {
  return std::make_unique<HfModel>(folder);
}

text::TokenizerSpec read_hf_tokenizer(const fs::path& tokenizer_json) {
  check(fs::exists(tokenizer_json), ErrorCode::kModel, tokenizer_json.string(),
        " does not exist: the model's tokenizer is needed");
  const fs::path folder = tokenizer_json.parent_path();
  text::TokenizerSpec spec = text::parse_tokenizer_json(
      read_file(tokenizer_json, ErrorCode::kModel), read_optional(folder / "tokenizer_config.json"),
      tokenizer_json.string());
  std::string chat_template = read_optional(folder / "chat_template.jinja");
  if (!chat_template.empty()) {
    spec.chat_template = std::move(chat_template);
  }
  return spec;
}

}  // namespace cogent::model
