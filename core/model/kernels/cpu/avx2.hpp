#pragma once

#include <cstdint>

// Kernels compiled for AVX2 + FMA, over raw float32 arrays, row-major and contiguous. They run on
// OpenMP threads; every result has the same bits for any number of threads. Only plain types appear
// here: a library template instantiated in those files could be linked into code that must run on
// any CPU.
namespace cogent::model::cpu {

// y = x / sqrt(mean(x^2) + eps) * weight. x, y [rows, n], weight [n].
void rmsnorm_forward(const float* x, const float* weight, float eps, std::int64_t rows,
                     std::int64_t n, float* y);
// dx [rows, n]; dweight [n] is added to, or null. inverse_rms [rows] is scratch.
void rmsnorm_gradient(const float* dy, const float* x, const float* weight, float eps,
                      std::int64_t rows, std::int64_t n, float* inverse_rms, float* dx,
                      float* dweight);

// sums [n] += the rows of x [rows, n], in their order.
void add_column_sums(const float* x, std::int64_t rows, std::int64_t n, float* sums);

// x, y [rows, heads, 2 half], cos, sin [rows, half]. direction: 1 rotates, -1 rotates back.
void rope_rotate(const float* x, const float* cos, const float* sin, float direction,
                 std::int64_t rows, std::int64_t heads, std::int64_t half, float* y);

// All [n]. dgate and dup are added to, either may be null.
void swiglu_forward(const float* gate, const float* up, std::int64_t n, float* y);
void swiglu_gradient(const float* dy, const float* gate, const float* up, std::int64_t n,
                     float* dgate, float* dup);

// Statistics of softmax(scale logits) in each row. logits [rows, vocab], the rest [rows].
void softmax_statistics(const float* logits, const std::int64_t* targets, float scale,
                        std::int64_t rows, std::int64_t vocab, float* logprob, float* entropy,
                        float* lse);
// In place: logits become dlogprob scale (one-hot(target) - softmax).
void softmax_gradient(float* logits, const std::int64_t* targets, const float* lse,
                      const float* dlogprob, float scale, std::int64_t rows, std::int64_t vocab);
// The same with the gradient of the entropy added: -dentropy scale softmax (log softmax + entropy).
void softmax_entropy_gradient(float* logits, const std::int64_t* targets, const float* lse,
                              const float* entropy, const float* dlogprob, const float* dentropy,
                              float scale, std::int64_t rows, std::int64_t vocab);

// Consecutive rows of the key/value pool.
struct KeyRun {
  std::int64_t begin;
  std::int64_t end;
};

// Queries of one segment that are computed together. A query vector is a (row, head of the kv
// head's) pair, numbered row by row from query_row; `first_visible` keys are seen by the first row,
// one more by each next row.
struct AttentionTile {
  const KeyRun* runs;
  std::int64_t query_row;      // first row of the segment's part
  std::int64_t first_visible;  // keys that query_row sees
  std::int64_t begin, end;     // query vectors, relative to query_row
  std::int64_t gradient_row;   // backward: where this tile's own rows of dk and dv begin
};
inline constexpr std::int64_t kForwardTile = 64;  // most query vectors of a forward tile

// q, out [rows, kv_heads * ratio, head_dim], lse [rows, kv_heads * ratio]; k, v [pool, kv_heads,
// head_dim], for any head_dim.
struct AttentionShape {
  std::int64_t kv_heads;
  std::int64_t ratio;
  std::int64_t head_dim;
};
void attention_forward(const AttentionShape& shape, const AttentionTile* tiles, std::int64_t count,
                       const float* q, const float* k, const float* v, float* out, float* lse);

// dq as q. Each tile writes its own gradient of the keys that it sees: tile_dk, tile_dv [sum of the
// tiles' keys, kv_heads, head_dim], to be added up by add_tile_gradients.
void attention_gradient(const AttentionShape& shape, const AttentionTile* tiles, std::int64_t count,
                        const float* dout, const float* q, const float* k, const float* v,
                        const float* out, const float* lse, float* dq, float* tile_dk,
                        float* tile_dv);
// gradient [pool, width] += each tile's rows, in the order of the tiles. width = kv_heads head_dim.
void add_tile_gradients(const AttentionTile* tiles, std::int64_t count, std::int64_t ratio,
                        const float* tile_rows, std::int64_t pool, std::int64_t width,
                        float* gradient);

}  // namespace cogent::model::cpu
