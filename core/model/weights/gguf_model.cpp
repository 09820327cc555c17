#include "core/model/weights/gguf_model.hpp"

#include "core/base/error.hpp"
#include "core/model/weights/end_tokens.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace cogent::model {
namespace {

// What follows "model.layers.N." and "blk.N.", by Hugging Face's name and by GGUF's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kBlockNames = {{
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.o_proj", "attn_output"},
    {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
}};

// GGUF's name of a parameter. `name` is one of unit_specs.
std::string gguf_name(const std::string& name) {
  constexpr std::string_view kLayers = "model.layers.";
  if (name == "model.embed_tokens.weight") {
    return "token_embd.weight";
  }
  if (name == "model.norm.weight") {
    return "output_norm.weight";
  }
  if (name == "lm_head.weight") {
    return "output.weight";
  }
  const std::size_t layer_end = name.find('.', kLayers.size());
  const std::size_t kind_begin = name.rfind('.');  // ".weight" or ".bias"
  check(name.starts_with(kLayers) && layer_end < kind_begin, ErrorCode::kUnexpected, name,
        " is no parameter of a model");
  const std::string layer = name.substr(kLayers.size(), layer_end - kLayers.size());
  const std::string inner = name.substr(layer_end + 1, kind_begin - layer_end - 1);
  const auto* pair = std::find_if(kBlockNames.begin(), kBlockNames.end(),
                                  [&](const auto& names) { return names.first == inner; });
  check(pair != kBlockNames.end(), ErrorCode::kUnexpected, name, " is no parameter of a block");
  return concat("blk.", layer, ".", pair->second, name.substr(kind_begin));
}

RopeScaling read_rope_scaling(const GgufFile& file, const std::string& prefix) {
  RopeScaling scaling;
  const std::string type = file.find_string(prefix + "rope.scaling.type").value_or("none");
  if (type == "linear") {
    scaling.type = RopeScalingType::kLinear;
    const auto factor = file.find_number(prefix + "rope.scaling.factor");
    check(factor.has_value(), ErrorCode::kModel, file.source(), ": ", prefix,
          "rope.scaling.factor is missing");
    scaling.factor = *factor;
  } else {
    check(type == "none", ErrorCode::kModel, file.source(), ": ", prefix, "rope.scaling.type is ",
          type, "; none and linear are supported");
  }
  return scaling;
}

std::int64_t read_head_dim(const GgufFile& file, const std::string& prefix,
                           const ModelConfig& config) {
  const auto rotated = file.find_int(prefix + "rope.dimension_count");
  const auto key_length = file.find_int(prefix + "attention.key_length");
  check(config.num_heads >= 1, ErrorCode::kModel, file.source(), ": ", prefix,
        "attention.head_count is ", config.num_heads, "; it must be at least 1");
  const std::int64_t head_dim =
      key_length.value_or(rotated.value_or(config.hidden_size / config.num_heads));
  check(rotated.value_or(head_dim) == head_dim, ErrorCode::kModel, file.source(), ": ", prefix,
        "rope.dimension_count is ", rotated.value_or(0), ", but a head has ", head_dim,
        " values; a partial rotary embedding is not supported");
  const std::int64_t value_length =
      file.find_int(prefix + "attention.value_length").value_or(head_dim);
  check(value_length == head_dim, ErrorCode::kModel, file.source(), ": ", prefix,
        "attention.value_length is ", value_length, ", but a head has ", head_dim, " values");
  return head_dim;
}

std::int32_t read_token_id(const GgufFile& file, const char* key) {
  const std::int64_t id = file.find_int(key).value_or(-1);
  check(id >= -1 && id < text::kMaxVocabulary, ErrorCode::kModel, file.source(), ": ", key, " is ",
        id, ", which is no token id");
  return static_cast<std::int32_t>(id);
}

void read_tokens(const GgufFile& file, ModelConfig& config) {
  config.bos_id = read_token_id(file, "tokenizer.ggml.bos_token_id");
  config.pad_id = read_token_id(file, "tokenizer.ggml.padding_token_id");
  const auto* tokens = file.find_strings("tokenizer.ggml.tokens");
  config.eos_ids = end_token_ids(read_token_id(file, "tokenizer.ggml.eos_token_id"),
                                 tokens == nullptr ? std::span<const std::string>() : *tokens);
}

ModelConfig read_config(const GgufFile& file) {
  ModelConfig config;
  config.model_type = file.need_string("general.architecture");
  check(
      config.model_type == "llama" || config.model_type == "qwen2" || config.model_type == "qwen3",
      ErrorCode::kModel, file.source(), ": general.architecture is ", config.model_type,
      "; llama, qwen2 and qwen3 are supported");
  const std::string prefix = config.model_type + ".";
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  check(embedding != nullptr && embedding->shape.size() == 2, ErrorCode::kModel, file.source(),
        " has no matrix token_embd.weight");
  config.vocab_size = embedding->shape[0];
  config.hidden_size = file.need_int(prefix + "embedding_length");
  config.intermediate_size = file.need_int(prefix + "feed_forward_length");
  config.num_layers = file.need_int(prefix + "block_count");
  config.num_heads = file.need_int(prefix + "attention.head_count");
  config.num_kv_heads =
      file.find_int(prefix + "attention.head_count_kv").value_or(config.num_heads);
  config.head_dim = read_head_dim(file, prefix, config);
  config.max_positions = file.find_int(prefix + "context_length").value_or(2048);
  config.rms_norm_eps =
      file.find_number(prefix + "attention.layer_norm_rms_epsilon").value_or(1e-5);
  config.rope_theta = file.find_number(prefix + "rope.freq_base").value_or(10000);
  config.rope_scaling = read_rope_scaling(file, prefix);
  config.qkv_bias = file.find_tensor("blk.0.attn_q.bias") != nullptr;
  config.o_bias = file.find_tensor("blk.0.attn_output.bias") != nullptr;
  config.mlp_bias = file.find_tensor("blk.0.ffn_gate.bias") != nullptr;
  config.qk_norm = file.find_tensor("blk.0.attn_q_norm.weight") != nullptr;
  config.tied_embeddings = file.find_tensor("output.weight") == nullptr;
  read_tokens(file, config);
  check_model_config(config, file.source());
  return config;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t length : shape) {
    text += (text.empty() ? "[" : ", ") + std::to_string(length);
  }
  return text + "]";
}

std::vector<std::int64_t> shape_of(const ParameterSpec& parameter) {
  return parameter.is_matrix() ? std::vector{parameter.rows, parameter.cols}
                               : std::vector{parameter.rows};
}

void check_rope_factors(const GgufFile& file, const GgufTensor& tensor) {
  std::vector<float> factors(static_cast<std::size_t>(tensor.size()));
  tensor.format->to_float(tensor.bytes, factors);
  const bool all_ones =
      std::all_of(factors.begin(), factors.end(), [](float factor) { return factor == 1; });
  check(all_ones, ErrorCode::kModel, file.source(), ": ", tensor.name,
        " holds RoPE factors other than 1, which are not supported from GGUF; use the model's "
        "Hugging Face folder");
}

// Every parameter is there with its shape, and nothing else is.
void check_tensors(const GgufFile& file, const ModelConfig& config) {
  std::set<std::string, std::less<>> used;
  for (const UnitSpec& unit : unit_specs(config)) {
    for (const ParameterSpec& parameter : unit.parameters) {
      const std::string name = gguf_name(parameter.name);
      const GgufTensor* tensor = file.find_tensor(name);
      check(tensor != nullptr, ErrorCode::kModel, file.source(), ": tensor ", name, " is missing");
      check(tensor->shape == shape_of(parameter), ErrorCode::kModel, file.source(), ": tensor ",
            name, " has the shape ", shape_text(tensor->shape), ", but the metadata makes it ",
            shape_text(shape_of(parameter)));
      used.insert(name);
    }
  }
  for (const auto& [name, tensor] : file.tensors()) {
    if (name == "rope_freqs.weight") {
      check_rope_factors(file, tensor);
    } else {
      check(used.contains(name), ErrorCode::kModel, file.source(), ": tensor ", name,
            " has no place in a ", config.model_type, " model of this metadata");
    }
  }
}

// llama.cpp's converter interleaves the two rotated halves of each head of a llama model: row 2j+s
// of a head there is row s*head_dim/2+j here. `row_size`: values in a row, 1 for a bias.
void restore_rotate_half(std::span<float> rows, std::size_t head_dim, std::size_t row_size) {
  const std::size_t half = head_dim / 2;
  std::vector<float> head(head_dim * row_size);
  for (std::size_t begin = 0; begin < rows.size(); begin += head.size()) {
    const auto place = rows.subspan(begin, head.size());
    std::copy(place.begin(), place.end(), head.begin());
    for (std::size_t row = 0; row < head_dim; ++row) {
      const std::size_t from = 2 * (row % half) + row / half;
      std::copy_n(head.begin() + static_cast<std::ptrdiff_t>(from * row_size), row_size,
                  place.begin() + static_cast<std::ptrdiff_t>(row * row_size));
    }
  }
}

class GgufModel : public WeightSource {
 public:
  explicit GgufModel(GgufFile file) : file_(std::move(file)), config_(read_config(file_)) {
    check_tensors(file_, config_);
  }

  const ModelConfig& config() const override { return config_; }

  void read(const ParameterSpec& parameter, std::span<float> out) const override {
    const std::string name = gguf_name(parameter.name);
    const GgufTensor* tensor = file_.find_tensor(name);
    check(tensor != nullptr, ErrorCode::kUnexpected, file_.source(), " has no tensor ", name);
    check(tensor->shape == shape_of(parameter) &&
              out.size() == static_cast<std::size_t>(tensor->size()),
          ErrorCode::kUnexpected, file_.source(), ": tensor ", name, " has the shape ",
          shape_text(tensor->shape), ", but ", shape_text(shape_of(parameter)), " in ", out.size(),
          " values was asked for");
    tensor->format->to_float(tensor->bytes, out);
    file_.drop_pages(*tensor);
    const bool rotated = parameter.name.find(".q_proj.") != std::string::npos ||
                         parameter.name.find(".k_proj.") != std::string::npos;
    if (rotated && config_.model_type == "llama") {
      restore_rotate_half(out, static_cast<std::size_t>(config_.head_dim),
                          parameter.is_matrix() ? static_cast<std::size_t>(parameter.cols) : 1);
    }
  }

 private:
  GgufFile file_;
  ModelConfig config_;
};

}  // namespace

std::unique_ptr<WeightSource> open_gguf_model(GgufFile file) {
  return std::make_unique<GgufModel>(std::move(file));
}

}  // namespace cogent::model
