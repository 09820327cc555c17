#pragma once

#include <cstdint>
#include <vector>

// What the CPU kernels promise, in scalar code: the same order of the same roundings, one value at
// a time (std::fma where a kernel fuses). Slow and plain: the oracle of their bits. Contracts and
// shapes: core/model/kernels/cpu/avx2.hpp.
namespace cogent::model::testing::scalar {

using Values = std::vector<float>;

float exponential(float x);

Values rmsnorm(const Values& x, const Values& weight, float eps);
struct NormGradient {
  Values dx, dweight;
};
NormGradient rmsnorm_gradient(const Values& dy, const Values& x, const Values& weight, float eps,
                              Values dweight);

Values rope(const Values& x, const Values& cos, const Values& sin, float direction,
            std::int64_t rows, std::int64_t heads);

Values swiglu(const Values& gate, const Values& up);
struct SwigluGradient {
  Values dgate, dup;
};
SwigluGradient swiglu_gradient(const Values& dy, const Values& gate, const Values& up,
                               SwigluGradient added_to);

struct Statistics {
  float logprob = 0;
  float entropy = 0;
  float lse = 0;
};
Statistics softmax_statistics(const Values& logits, std::int64_t target, float scale);
Values softmax_gradient(Values logits, std::int64_t target, float lse, float dlogprob, float scale);

// One query vector [head_dim] against the keys and values that it sees, each [head_dim], in order.
struct Attention {
  Values out;
  float lse = 0;
};
Attention attention(const Values& q, const std::vector<Values>& keys,
                    const std::vector<Values>& values);

// Query vectors of one tile, in order; query i sees the first visible[i] keys.
struct AttentionGradient {
  std::vector<Values> dq, dkeys, dvalues;
};
AttentionGradient attention_gradient(const std::vector<Values>& dout, const std::vector<Values>& q,
                                     const std::vector<Attention>& forward,
                                     const std::vector<std::int64_t>& visible,
                                     const std::vector<Values>& keys,
                                     const std::vector<Values>& values);

}  // namespace cogent::model::testing::scalar
