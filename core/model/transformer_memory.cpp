#include "core/model/transformer_memory.hpp"

#include "core/model/kernels/cpu/tile_sizes.hpp"
#include "core/model/kernels/reference/reference.hpp"

#include <algorithm>

namespace cogent::model {
namespace {

constexpr std::int64_t kFloat = 4;
constexpr std::int64_t kIndex = 8;

// Of one activation.
std::int64_t value_bytes(at::ScalarType compute) {
  return compute == at::kBFloat16 ? 2 : kFloat;
}

// Values of all query heads, and of all key heads, of one row.
std::int64_t query_width(const ModelConfig& config) {
  return config.num_heads * config.head_dim;
}
std::int64_t key_width(const ModelConfig& config) {
  return config.num_kv_heads * config.head_dim;
}

// The matrix that a linear layer's backward reads transposed, the largest of a block.
std::int64_t largest_block_matrix(const ModelConfig& config) {
  return config.hidden_size * std::max(config.intermediate_size, query_width(config));
}

// What the reference ops hold in float32 while they compute in bfloat16, the most of any of a
// block's: copies of their arguments, results before they are rounded, and temporaries.
std::int64_t wide_forward_bytes(const ModelConfig& config, const PassShape& shape) {
  const std::int64_t wide = config.intermediate_size;
  const std::int64_t linear =
      shape.rows * (config.hidden_size + wide) + largest_block_matrix(config);
  const std::int64_t swiglu = 5 * shape.rows * wide;
  // Scores, their exponentials, and those within the log-sum-exp.
  const std::int64_t attention = 3 * config.num_heads * shape.pairs +
                                 2 * shape.rows * (query_width(config) + key_width(config));
  return kFloat * std::max({linear, swiglu, attention});
}
std::int64_t wide_mlp_backward_bytes(const ModelConfig& config, const PassShape& shape) {
  const std::int64_t wide = config.intermediate_size;
  const std::int64_t linear =
      shape.rows * (config.hidden_size + wide) + largest_block_matrix(config);
  const std::int64_t swiglu = 11 * shape.rows * wide;
  return kFloat * std::max(linear, swiglu);
}
std::int64_t wide_attention_backward_bytes(const ModelConfig& config, const PassShape& shape) {
  // Gradients of keys and values; copies of a segment's rows; probabilities and their gradients,
  // with a mask of one byte a pair for the heads of one key head.
  const std::int64_t rows = 2 * key_width(config) + 3 * (query_width(config) + key_width(config));
  return kFloat * (shape.rows * rows + 2 * config.num_heads * shape.pairs) +
         config.num_heads / config.num_kv_heads * shape.pairs;
}

}  // namespace

std::int64_t gradient_tile_keys(std::int64_t rows, std::int64_t keys) {
  const std::int64_t size = cpu::gradient_tile_rows(rows);
  std::int64_t seen = 0;
  for (std::int64_t begin = 0; begin < rows; begin += size) {
    seen += keys - rows + std::min(begin + size, rows);
  }
  return seen;
}

std::int64_t saved_block_bytes(const ModelConfig& config, std::int64_t rows,
                               at::ScalarType compute) {
  const std::int64_t q = query_width(config);
  const std::int64_t kv = key_width(config);
  const std::int64_t raw = config.qk_norm ? q + kv : 0;
  // x, both norms' outputs, middle; q, k, v; attention's output; gate, up, activated.
  const std::int64_t values =
      4 * config.hidden_size + raw + q + 2 * kv + q + 3 * config.intermediate_size;
  // And attention's statistic.
  return rows * (value_bytes(compute) * values + kFloat * config.num_heads);
}

std::int64_t block_forward_bytes(const ModelConfig& config, const PassShape& shape,
                                 at::ScalarType compute) {
  return saved_block_bytes(config, shape.rows, compute) +
         value_bytes(compute) * shape.rows * config.hidden_size +
         (compute == at::kBFloat16 ? wide_forward_bytes(config, shape) : 0);
}

std::int64_t block_backward_bytes(const ModelConfig& config, const PassShape& shape,
                                  at::ScalarType compute) {
  const std::int64_t h = config.hidden_size;
  const std::int64_t wide = config.intermediate_size;
  const std::int64_t q = query_width(config);
  const std::int64_t kv = key_width(config);
  // dy; gradients of gate and up, and of the activated values or the packed ones.
  const std::int64_t mlp = value_bytes(compute) * shape.rows * (h + 3 * wide);
  // dy; gradients of gate, up, the second norm's output, middle, attention's output, q before and
  // behind RoPE, k, v.
  const std::int64_t attention =
      value_bytes(compute) * shape.rows * (3 * h + 2 * wide + 3 * q + 2 * kv);
  if (compute == at::kBFloat16) {
    return std::max(mlp + wide_mlp_backward_bytes(config, shape),
                    attention + wide_attention_backward_bytes(config, shape));
  }
  // The tiles' own rows.
  const std::int64_t tiles = kFloat * 2 * shape.tile_keys * kv;
  return std::max(mlp, attention + tiles) + kFloat * largest_block_matrix(config);
}

std::int64_t saved_head_bytes(const ModelConfig& config, std::int64_t targets,
                              at::ScalarType compute) {
  // The selected rows and their norm; log-probability, entropy and normaliser; two indices.
  return targets * (value_bytes(compute) * 2 * config.hidden_size + 3 * kFloat + 2 * kIndex);
}

std::int64_t head_backward_bytes(const ModelConfig& config, const PassShape& shape,
                                 at::ScalarType compute) {
  const bool bfloat16 = compute == at::kBFloat16;
  const std::int64_t chunk =
      std::min(shape.targets, bfloat16 ? reference::kHeadChunkRows : cpu::kHeadChunkRows);
  // The reference holds logits and their gradients, the own kernels one in the other's place.
  const std::int64_t logits = chunk * ((bfloat16 ? 2 : 1) * config.vocab_size + config.hidden_size);
  const std::int64_t transposed_or_wide_head = config.vocab_size * config.hidden_size;
  const std::int64_t row_gradients = (shape.targets + shape.rows) * config.hidden_size;
  return kFloat * (logits + transposed_or_wide_head + row_gradients);
}

std::int64_t head_forward_bytes(const ModelConfig& config, std::int64_t targets,
                                at::ScalarType compute) {
  const bool bfloat16 = compute == at::kBFloat16;
  const std::int64_t chunk =
      std::min(targets, bfloat16 ? reference::kHeadChunkRows : cpu::kHeadChunkRows);
  // The reference holds logits, their log-probabilities and probabilities, and a product of them.
  return saved_head_bytes(config, targets, compute) + wide_head_bytes(config, compute) +
         kFloat * (bfloat16 ? 4 : 1) * config.vocab_size * chunk;
}

std::int64_t wide_head_bytes(const ModelConfig& config, at::ScalarType compute) {
  return compute == at::kBFloat16 ? kFloat * config.vocab_size * config.hidden_size : 0;
}

std::int64_t row_plan_bytes(const ModelConfig& config, std::int64_t rows) {
  return rows * (kIndex + kFloat * config.head_dim);
}

std::int64_t kv_row_bytes(const ModelConfig& config, at::ScalarType compute) {
  return value_bytes(compute) * 2 * config.num_layers * key_width(config);
}

}  // namespace cogent::model
