#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cogent::model {

// RoPE frequency scaling. kLlama3: factor, low/high_freq_factor and original_max_positions of
// Llama 3.1. kLinear: positions / factor.
enum class RopeScalingType { kNone, kLinear, kLlama3 };
struct RopeScaling {
  RopeScalingType type = RopeScalingType::kNone;
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  std::int64_t original_max_positions = 8192;
  bool operator==(const RopeScaling&) const = default;
};

// The arithmetic of one decoder-only family: pre-norm blocks of grouped-query attention with rotary
// embedding (rotate-half layout) and SwiGLU. Names follow Hugging Face's config.json.
struct ModelConfig {
  std::string model_type;  // llama, qwen2, qwen3
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_positions = 2048;
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  bool qkv_bias = false;  // biases on q, k and v
  bool o_bias = false;    // bias on the output projection (llama with attention_bias)
  bool mlp_bias = false;
  bool qk_norm = false;  // RMSNorm over each head of q and k, before RoPE (qwen3)
  bool tied_embeddings = false;
  std::vector<std::int32_t> eos_ids;  // any of them ends a completion
  std::int32_t bos_id = -1;
  std::int32_t pad_id = -1;
  bool operator==(const ModelConfig&) const = default;
};

// One trained tensor, under its Hugging Face name, row-major. A vector has cols = 0.
struct ParameterSpec {
  std::string name;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  bool decay = true;  // false for norms and biases: weight decay leaves them alone
  std::int64_t size() const { return cols == 0 ? rows : rows * cols; }
  bool is_matrix() const { return cols != 0; }
};

// Fills the span with one parameter's values, row-major.
using ReadParameter = std::function<void(const ParameterSpec&, std::span<float>)>;

// A unit is the smallest thing that is gathered, computed and released: the embedding, one block,
// or final norm + head. With tied embeddings the head unit holds only the norm, and uses the
// embedding unit's matrix.
struct UnitSpec {
  std::string name;  // "embedding", "block.0", ..., "head"
  std::vector<ParameterSpec> parameters;
};

// Order of a block's parameters: input_layernorm.weight, q_proj.weight, [q_proj.bias], k_proj...,
// v_proj..., [q_norm.weight, k_norm.weight], o_proj.weight, [o_proj.bias],
// post_attention_layernorm.weight, gate_proj.weight, [bias], up_proj.weight, [bias],
// down_proj.weight, [bias]; names are full ("model.layers.0.self_attn.q_proj.weight").
// Embedding: model.embed_tokens.weight. Head: model.norm.weight, [lm_head.weight where untied].
std::vector<UnitSpec> unit_specs(const ModelConfig& config);
std::int64_t parameter_count(const ModelConfig& config);

// Throws kModel where sizes do not fit each other, naming both.
void check_model_config(const ModelConfig& config, const std::string& source);

}  // namespace cogent::model
