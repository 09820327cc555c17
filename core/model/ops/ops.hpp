#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cogent::model {

// Rows of a key/value pool.
struct RowSpan {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// Query rows [query_begin, query_end) of a batch and the key rows that they see, in absolute order.
// With Q queries and K keys in all, the queries are the last Q positions: query i sees the first K
// - Q + i + 1 keys. One shape serves training (spans are rows of the batch itself: the shared
// prompt's, then the sequence's own) and sampling (spans are rows of the KV cache). A row belongs
// to one segment at most; attention of a row that no segment holds is zero.
struct AttentionSegment {
  std::int64_t query_begin = 0;
  std::int64_t query_end = 0;
  std::vector<RowSpan> keys;
};

// What attention gives of every row.
struct AttentionOutput {
  at::Tensor out;  // [rows, heads, head_dim]
  at::Tensor
      lse;  // [rows, heads] natural log of the sum of exp(scaled scores): what the backward needs
};

// Log-probability of one target a row under softmax(hidden * head^T / temperature), with what the
// backward needs.
struct TokenLogprobs {
  at::Tensor logprob;  // [rows]
  at::Tensor entropy;  // [rows] of the same distribution, in nats
  at::Tensor lse;      // [rows] of the scaled logits
};

// The op table: each op forward and backward, explicit. Shapes: rows = packed token rows. Every
// gradient argument named d... that is passed as `at::Tensor&` is ADDED to; an undefined one is
// skipped. Tensors are contiguous and of one floating type (float64, float32 or bfloat16), ids are
// int64; log-probabilities, entropies, lse and dlogprob are at least float32. Weights (table,
// weight, bias, head) may be bfloat16 where the rest is float32: they are widened as they are read,
// so that results have the bits of those of the widened weights (`embedding` may leave the widening
// of its result to the caller). With bfloat16 tensors, of the reference alone, weights, cos and sin
// may be float32 (`linear` rounds its own as it reads them), gradients that are added to are
// float32, and every result is computed in float32 and rounded once. No op keeps state; all are
// deterministic for given shapes and thread count, and those of cpu_ops() that have an own kernel
// for any.
struct OpTable {
  const char* name;
  at::ScalarType activations;  // what a model computes in with these ops where nothing else is said

  // out[r] = table[ids[r]]. table [vocab, hidden], ids [rows].
  at::Tensor (*embedding)(const at::Tensor& table, const at::Tensor& ids);
  void (*embedding_backward)(const at::Tensor& dout, const at::Tensor& ids, at::Tensor& dtable);

  // x [rows, in] * weight^T [in, out] + bias [out] (undefined: none).
  at::Tensor (*linear)(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
  // Returns dx [rows, in].
  at::Tensor (*linear_backward)(const at::Tensor& dout, const at::Tensor& x,
                                const at::Tensor& weight, at::Tensor& dweight, at::Tensor& dbias);

  // x / sqrt(mean(x^2) + eps) * weight over the last dimension. x [..., n], weight [n].
  at::Tensor (*rmsnorm)(const at::Tensor& x, const at::Tensor& weight, double eps);
  at::Tensor (*rmsnorm_backward)(const at::Tensor& dout, const at::Tensor& x,
                                 const at::Tensor& weight, double eps, at::Tensor& dweight);

  // Rotate-half rotary embedding. x [rows, heads, head_dim], cos and sin [rows, head_dim / 2].
  at::Tensor (*rope)(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
  at::Tensor (*rope_backward)(const at::Tensor& dout, const at::Tensor& cos, const at::Tensor& sin);

  // silu(gate) * up, elementwise.
  at::Tensor (*swiglu)(const at::Tensor& gate, const at::Tensor& up);
  void (*swiglu_backward)(const at::Tensor& dout, const at::Tensor& gate, const at::Tensor& up,
                          at::Tensor& dgate, at::Tensor& dup);

  // Grouped-query attention over spans, scores scaled by 1/sqrt(head_dim). q [rows, heads,
  // head_dim]; keys, values [pool, kv_heads, head_dim].
  AttentionOutput (*span_attention)(const at::Tensor& q, const at::Tensor& keys,
                                    const at::Tensor& values,
                                    std::span<const AttentionSegment> segments);
  // Returns dq; adds to dkeys and dvalues [pool, kv_heads, head_dim].
  at::Tensor (*span_attention_backward)(const at::Tensor& dout, const at::Tensor& q,
                                        const at::Tensor& keys, const at::Tensor& values,
                                        const AttentionOutput& forward,
                                        std::span<const AttentionSegment> segments,
                                        at::Tensor& dkeys, at::Tensor& dvalues);

  // hidden [rows, n], head [vocab, n], targets [rows]. Works in chunks of rows: [rows, vocab] never
  // exists whole. Logits and softmax in float32 or wider.
  TokenLogprobs (*token_logprob)(const at::Tensor& hidden, const at::Tensor& head,
                                 const at::Tensor& targets, double temperature);
  // dlogprob [rows], dentropy [rows] or undefined for none. Returns dhidden; adds to dhead.
  at::Tensor (*token_logprob_backward)(const at::Tensor& dlogprob, const at::Tensor& dentropy,
                                       const at::Tensor& hidden, const at::Tensor& head,
                                       const at::Tensor& targets, const TokenLogprobs& forward,
                                       double temperature, at::Tensor& dhead);
  // The log-probability of one target from its row of unscaled float32 logits [vocab]: the bits of
  // token_logprob where reads_panels and the logits have the bits of its own, close to it
  // otherwise.
  float (*row_logprob)(std::span<const float> logits, std::int64_t target, double temperature);

  // Whether float32 and bfloat16 matrices that are only read may be in panels
  // (core/model/panels.hpp).
  bool reads_panels;
};

// The reference, in ATen: any device and floating type.
const OpTable& reference_ops();
// What runs on this machine's CPU. float32: own kernels where they exist, the reference elsewhere;
// a row's results have the same bits whatever other rows stand beside it where
// Transformer::rows_are_independent. bfloat16: the reference.
const OpTable& cpu_ops(at::ScalarType activations = at::kFloat);

// Whether this CPU has instructions for products of bfloat16 matrices (AVX512-BF16, which AMX comes
// with).
bool cpu_multiplies_bfloat16();

// The type of statistics, softmax and sums over a tensor's values: at least float32.
inline at::ScalarType wide_type(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace cogent::model
