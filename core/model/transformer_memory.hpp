#pragma once

#include "core/model/weights/model_config.hpp"

#include <c10/core/ScalarType.h>

#include <cstdint>

// Bytes that passes through the model take beside weights and gradients: in float32 with the CPU's
// own kernels (the reference ops take more), or in bfloat16 with the reference ops. Arithmetic over
// what transformer_block.cpp and the ops hold at a time; a test compares it with what a process
// really takes. `compute`: kFloat or kBFloat16.
namespace cogent::model {

// A packed batch, as far as memory goes.
struct PassShape {
  std::int64_t rows = 0;       // token rows
  std::int64_t targets = 0;    // trained tokens: rows of the head
  std::int64_t tile_keys = 0;  // keys that attention's backward tiles see, each tile's counted
  std::int64_t pairs = 0;      // query rows times key rows of the segment with most
};

// Keys that the backward tiles of one segment see, each tile's counted: `rows` query rows, of which
// the last sees `keys` keys.
std::int64_t gradient_tile_keys(std::int64_t rows, std::int64_t keys);

// What is kept of one block's forward for its backward (BlockActivations).
std::int64_t saved_block_bytes(const ModelConfig& config, std::int64_t rows,
                               at::ScalarType compute);
// All that is there at a time while a block's forward runs and nothing is kept.
std::int64_t block_forward_bytes(const ModelConfig& config, const PassShape& shape,
                                 at::ScalarType compute);
// The most that a block's backward holds at a time beside what its forward kept.
std::int64_t block_backward_bytes(const ModelConfig& config, const PassShape& shape,
                                  at::ScalarType compute);

// What is kept of the head's forward, and the most that its backward holds beside it: chunks of
// logits, the transposed head, gradients of its rows.
std::int64_t saved_head_bytes(const ModelConfig& config, std::int64_t targets,
                              at::ScalarType compute);
std::int64_t head_backward_bytes(const ModelConfig& config, const PassShape& shape,
                                 at::ScalarType compute);
// All that is there at a time while the head's forward runs, its input aside.
std::int64_t head_forward_bytes(const ModelConfig& config, std::int64_t targets,
                                at::ScalarType compute);

// Token ids, and the cosines and sines of the rows.
std::int64_t row_plan_bytes(const ModelConfig& config, std::int64_t rows);
// Keys and values of one token in all layers.
std::int64_t kv_row_bytes(const ModelConfig& config, at::ScalarType compute);
// The widened head that logits in float32 need beside bfloat16 weights; 0 where the ops read the
// weights as they are.
std::int64_t wide_head_bytes(const ModelConfig& config, at::ScalarType compute);

}  // namespace cogent::model
