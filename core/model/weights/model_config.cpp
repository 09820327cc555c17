#include "core/model/weights/model_config.hpp"

#include "core/base/error.hpp"

#include <cmath>
#include <utility>

namespace cogent::model {
namespace {

// Far above any model of these families, and low enough that no product of two sizes overflows.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 24;
constexpr std::int64_t kMaxLayers = 1024;

class UnitBuilder {
 public:
  explicit UnitBuilder(std::string name) { unit_.name = std::move(name); }
  void matrix(const std::string& name, std::int64_t rows, std::int64_t cols) {
    unit_.parameters.push_back({name, rows, cols, true});
  }
  void vector(const std::string& name, std::int64_t size) {
    unit_.parameters.push_back({name, size, 0, false});
  }
  // A linear layer: weight [outputs, inputs], and a bias where it has one.
  void linear(const std::string& name, std::int64_t outputs, std::int64_t inputs, bool bias) {
    matrix(name + ".weight", outputs, inputs);
    if (bias) {
      vector(name + ".bias", outputs);
    }
  }
  UnitSpec take() { return std::move(unit_); }

 private:
  UnitSpec unit_;
};

UnitSpec block_unit(const ModelConfig& config, std::int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t query_size = config.num_heads * config.head_dim;
  const std::int64_t key_size = config.num_kv_heads * config.head_dim;
  UnitBuilder unit("block." + std::to_string(layer));
  unit.vector(prefix + "input_layernorm.weight", hidden);
  unit.linear(prefix + "self_attn.q_proj", query_size, hidden, config.qkv_bias);
  unit.linear(prefix + "self_attn.k_proj", key_size, hidden, config.qkv_bias);
  unit.linear(prefix + "self_attn.v_proj", key_size, hidden, config.qkv_bias);
  if (config.qk_norm) {
    unit.vector(prefix + "self_attn.q_norm.weight", config.head_dim);
    unit.vector(prefix + "self_attn.k_norm.weight", config.head_dim);
  }
  unit.linear(prefix + "self_attn.o_proj", hidden, query_size, config.o_bias);
  unit.vector(prefix + "post_attention_layernorm.weight", hidden);
  unit.linear(prefix + "mlp.gate_proj", config.intermediate_size, hidden, config.mlp_bias);
  unit.linear(prefix + "mlp.up_proj", config.intermediate_size, hidden, config.mlp_bias);
  unit.linear(prefix + "mlp.down_proj", hidden, config.intermediate_size, config.mlp_bias);
  return unit.take();
}

void check_size(std::int64_t value, const char* name, std::int64_t limit,
                const std::string& source) {
  check(value >= 1 && value <= limit, ErrorCode::kModel, source, ": ", name, " is ", value,
        "; it must be between 1 and ", limit);
}

void check_positive(double value, const char* name, const std::string& source) {
  check(std::isfinite(value) && value > 0, ErrorCode::kModel, source, ": ", name, " is ", value,
        "; it must be a positive number");
}

void check_rope_scaling(const RopeScaling& scaling, const std::string& source) {
  if (scaling.type == RopeScalingType::kNone) {
    return;
  }
  check_positive(scaling.factor, "the RoPE scaling factor", source);
  if (scaling.type == RopeScalingType::kLlama3) {
    check_positive(scaling.low_freq_factor, "low_freq_factor", source);
    check_positive(scaling.high_freq_factor, "high_freq_factor", source);
    check(scaling.low_freq_factor < scaling.high_freq_factor, ErrorCode::kModel, source,
          ": low_freq_factor is ", scaling.low_freq_factor, " and high_freq_factor is ",
          scaling.high_freq_factor, "; the first must be smaller");
    check_size(scaling.original_max_positions, "original_max_position_embeddings", kMaxSize,
               source);
  }
}

// A family's config.json cannot say more than this, and an export must say all of it.
void check_family(const ModelConfig& config, const std::string& source) {
  const std::string& type = config.model_type;
  const bool is_llama = type == "llama";
  check(is_llama || type == "qwen2" || type == "qwen3", ErrorCode::kModel, source,
        ": the model type is \"", type, "\"; llama, qwen2 and qwen3 are supported");
  check(config.qk_norm == (type == "qwen3"), ErrorCode::kModel, source, ": a ", type, " model ",
        config.qk_norm ? "has no" : "needs", " norms on q and k");
  const bool biases_fit =
      type == "qwen2" ? config.qkv_bias && !config.o_bias : config.qkv_bias == config.o_bias;
  check(biases_fit && (is_llama || !config.mlp_bias), ErrorCode::kModel, source, ": a ", type,
        " model has no such set of biases: q, k, v ", config.qkv_bias, ", o ", config.o_bias,
        ", mlp ", config.mlp_bias);
}

void check_token_id(std::int32_t id, const char* name, const ModelConfig& config,
                    const std::string& source) {
  check(id >= -1 && id < config.vocab_size, ErrorCode::kModel, source, ": ", name, " is ", id,
        ", but the vocabulary has ", config.vocab_size, " tokens");
}

}  // namespace

std::vector<UnitSpec> unit_specs(const ModelConfig& config) {
  std::vector<UnitSpec> units;
  UnitBuilder embedding("embedding");
  embedding.matrix("model.embed_tokens.weight", config.vocab_size, config.hidden_size);
  units.push_back(embedding.take());
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    units.push_back(block_unit(config, layer));
  }
  UnitBuilder head("head");
  head.vector("model.norm.weight", config.hidden_size);
  if (!config.tied_embeddings) {
    head.matrix("lm_head.weight", config.vocab_size, config.hidden_size);
  }
  units.push_back(head.take());
  return units;
}

std::int64_t parameter_count(const ModelConfig& config) {
  std::int64_t count = 0;
  for (const UnitSpec& unit : unit_specs(config)) {
    for (const ParameterSpec& parameter : unit.parameters) {
      count += parameter.size();
    }
  }
  return count;
}

void check_model_config(const ModelConfig& config, const std::string& source) {
  check_family(config, source);
  check_size(config.vocab_size, "vocab_size", kMaxSize, source);
  check_size(config.hidden_size, "hidden_size", kMaxSize, source);
  check_size(config.intermediate_size, "intermediate_size", kMaxSize, source);
  check_size(config.num_layers, "num_hidden_layers", kMaxLayers, source);
  check_size(config.num_heads, "num_attention_heads", kMaxSize, source);
  check_size(config.num_kv_heads, "num_key_value_heads", kMaxSize, source);
  check_size(config.head_dim, "head_dim", kMaxSize, source);
  check_size(config.max_positions, "max_position_embeddings", kMaxSize, source);
  check(config.num_heads % config.num_kv_heads == 0, ErrorCode::kModel, source, ": the ",
        config.num_heads, " attention heads are not a multiple of the ", config.num_kv_heads,
        " key-value heads");
  check(config.head_dim % 2 == 0, ErrorCode::kModel, source, ": head_dim is ", config.head_dim,
        "; rotary embedding needs an even one");
  check_size(config.num_heads * config.head_dim, "heads x head_dim", kMaxSize, source);
  check_positive(config.rms_norm_eps, "rms_norm_eps", source);
  check_positive(config.rope_theta, "rope_theta", source);
  check_rope_scaling(config.rope_scaling, source);
  for (const std::int32_t id : config.eos_ids) {
    check_token_id(id, "eos_token_id", config, source);
    check(id >= 0, ErrorCode::kModel, source, ": eos_token_id is ", id, "; ids are not negative");
  }
  check_token_id(config.bos_id, "bos_token_id", config, source);
  check_token_id(config.pad_id, "pad_token_id", config, source);
}

}  // namespace cogent::model
