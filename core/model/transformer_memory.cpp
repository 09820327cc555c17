#include "core/model/transformer_memory.hpp"

#include "core/model/kernels/cpu/tile_sizes.hpp"

#include <algorithm>

namespace cogent::model {
namespace {

constexpr std::int64_t kFloat = 4;
constexpr std::int64_t kIndex = 8;

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

}  // namespace

std::int64_t gradient_tile_keys(std::int64_t rows, std::int64_t keys) {
  const std::int64_t size = cpu::gradient_tile_rows(rows);
  std::int64_t seen = 0;
  for (std::int64_t begin = 0; begin < rows; begin += size) {
    seen += keys - rows + std::min(begin + size, rows);
  }
  return seen;
}

std::int64_t saved_block_bytes(const ModelConfig& config, std::int64_t rows) {
  const std::int64_t q = query_width(config);
  const std::int64_t kv = key_width(config);
  const std::int64_t raw = config.qk_norm ? q + kv : 0;
  // x, both norms' outputs, middle; q, k, v; attention's output and statistic; gate, up, activated.
  const std::int64_t values = 4 * config.hidden_size + raw + q + 2 * kv + q + config.num_heads +
                              3 * config.intermediate_size;
  return kFloat * rows * values;
}

std::int64_t block_forward_bytes(const ModelConfig& config, std::int64_t rows) {
  return saved_block_bytes(config, rows) + kFloat * rows * config.hidden_size;
}

std::int64_t block_backward_bytes(const ModelConfig& config, const PassShape& shape) {
  const std::int64_t h = config.hidden_size;
  const std::int64_t wide = config.intermediate_size;
  const std::int64_t q = query_width(config);
  const std::int64_t kv = key_width(config);
  // dy; gradients of gate and up, and of the activated values or the packed ones.
  const std::int64_t mlp = shape.rows * (h + 3 * wide);
  // dy; gradients of gate, up, the second norm's output, middle, attention's output, q before and
  // behind RoPE, k, v; the tiles' own rows.
  const std::int64_t attention =
      shape.rows * (3 * h + 2 * wide + 3 * q + 2 * kv) + 2 * shape.tile_keys * kv;
  return kFloat * (std::max(mlp, attention) + largest_block_matrix(config));
}

std::int64_t saved_head_bytes(const ModelConfig& config, std::int64_t targets) {
  // The selected rows and their norm; log-probability, entropy and normaliser; two indices.
  return targets * (kFloat * (2 * config.hidden_size + 3) + 2 * kIndex);
}

std::int64_t head_backward_bytes(const ModelConfig& config, const PassShape& shape) {
  const std::int64_t chunk = std::min(shape.targets, cpu::kHeadChunkRows);
  const std::int64_t logits = chunk * (config.vocab_size + config.hidden_size);
  const std::int64_t transposed_head = config.vocab_size * config.hidden_size;
  const std::int64_t row_gradients = (shape.targets + shape.rows) * config.hidden_size;
  return kFloat * (logits + transposed_head + row_gradients);
}

std::int64_t head_forward_bytes(const ModelConfig& config, std::int64_t targets) {
  return saved_head_bytes(config, targets) +
         kFloat * config.vocab_size * std::min(targets, cpu::kHeadChunkRows);
}

std::int64_t row_plan_bytes(const ModelConfig& config, std::int64_t rows) {
  return rows * (kIndex + kFloat * config.head_dim);
}

std::int64_t kv_row_bytes(const ModelConfig& config) {
  return kFloat * 2 * config.num_layers * key_width(config);
}

}  // namespace cogent::model
