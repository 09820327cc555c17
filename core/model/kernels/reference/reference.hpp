#pragma once

#include "core/model/ops/ops.hpp"

#include <ATen/core/Tensor.h>

// The ops of the table in plain ATen, for any device and floating type. Contracts: OpTable.
namespace cogent::model::reference {

// A weight, or an undefined one, in the type of the activations that it meets.
inline at::Tensor as_activation(const at::Tensor& weight, const at::Tensor& activation) {
  return weight.defined() ? weight.to(activation.scalar_type()) : weight;
}

// Rows of the head whose logits exist at a time.
inline constexpr std::int64_t kHeadChunkRows = 128;

// a [m, k] * b [k, n] + bias [n] (undefined: none), all of one type. bfloat16: float32 sums of
// exact products, rounded once. A CPU without an instruction for them multiplies the widened
// values, since ATen's own product of bfloat16 matrices takes many times as long there.
at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids);
void embedding_backward(const at::Tensor& dout, const at::Tensor& ids, at::Tensor& dtable);

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
at::Tensor linear_backward(const at::Tensor& dout, const at::Tensor& x, const at::Tensor& weight,
                           at::Tensor& dweight, at::Tensor& dbias);

at::Tensor rmsnorm(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor rmsnorm_backward(const at::Tensor& dout, const at::Tensor& x, const at::Tensor& weight,
                            double eps, at::Tensor& dweight);

at::Tensor rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
at::Tensor rope_backward(const at::Tensor& dout, const at::Tensor& cos, const at::Tensor& sin);

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);
void swiglu_backward(const at::Tensor& dout, const at::Tensor& gate, const at::Tensor& up,
                     at::Tensor& dgate, at::Tensor& dup);

AttentionOutput span_attention(const at::Tensor& q, const at::Tensor& keys,
                               const at::Tensor& values,
                               std::span<const AttentionSegment> segments);
at::Tensor span_attention_backward(const at::Tensor& dout, const at::Tensor& q,
                                   const at::Tensor& keys, const at::Tensor& values,
                                   const AttentionOutput& forward,
                                   std::span<const AttentionSegment> segments, at::Tensor& dkeys,
                                   at::Tensor& dvalues);

float row_logprob(std::span<const float> logits, std::int64_t target, double temperature);
TokenLogprobs token_logprob(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, double temperature);
at::Tensor token_logprob_backward(const at::Tensor& dlogprob, const at::Tensor& dentropy,
                                  const at::Tensor& hidden, const at::Tensor& head,
                                  const at::Tensor& targets, const TokenLogprobs& forward,
                                  double temperature, at::Tensor& dhead);

}  // namespace cogent::model::reference
