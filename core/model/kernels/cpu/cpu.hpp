#pragma once

#include "core/model/kernels/cpu/gemm.hpp"
#include "core/model/ops/ops.hpp"

// Float32 ops over the AVX2 kernels (avx2.hpp), weights in float32 or bfloat16. Other types go to
// the reference. Contracts:
// OpTable.
namespace cogent::model::cpu {

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids);

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

TokenLogprobs token_logprob(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, double temperature);
at::Tensor token_logprob_backward(const at::Tensor& dlogprob, const at::Tensor& dentropy,
                                  const at::Tensor& hidden, const at::Tensor& head,
                                  const at::Tensor& targets, const TokenLogprobs& forward,
                                  double temperature, at::Tensor& dhead);
float row_logprob(std::span<const float> logits, std::int64_t target, double temperature);

// Float32 values of a contiguous tensor; null where it is undefined.
inline const float* values_of(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}
inline float* mutable_values_of(at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr;
}
// Bits of a contiguous bfloat16 tensor.
inline const Bfloat16Bits* bits_of(const at::Tensor& tensor) {
  return static_cast<const Bfloat16Bits*>(
      static_cast<const void*>(tensor.const_data_ptr<at::BFloat16>()));
}
inline Bfloat16Bits* mutable_bits_of(at::Tensor& tensor) {
  return static_cast<Bfloat16Bits*>(static_cast<void*>(tensor.mutable_data_ptr<at::BFloat16>()));
}

}  // namespace cogent::model::cpu
