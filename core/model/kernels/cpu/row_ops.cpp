#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/kernels/reference/reference.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

namespace cogent::model::cpu {

at::Tensor rmsnorm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (x.scalar_type() != at::kFloat) {
    return reference::rmsnorm(x, weight, eps);
  }
  at::Tensor y = at::empty_like(x);
  const std::int64_t n = x.size(-1);
  const at::Tensor wide = reference::as_activation(weight, x);
  rmsnorm_forward(values_of(x), values_of(wide), static_cast<float>(eps), x.numel() / n, n,
                  mutable_values_of(y));
  return y;
}

at::Tensor rmsnorm_backward(const at::Tensor& dout, const at::Tensor& x, const at::Tensor& weight,
                            double eps, at::Tensor& dweight) {
  if (x.scalar_type() != at::kFloat) {
    return reference::rmsnorm_backward(dout, x, weight, eps, dweight);
  }
  const std::int64_t n = x.size(-1);
  const std::int64_t rows = x.numel() / n;
  at::Tensor dx = at::empty_like(x);
  at::Tensor inverse_rms = at::empty({rows}, x.options());
  const at::Tensor wide = reference::as_activation(weight, x);
  rmsnorm_gradient(values_of(dout), values_of(x), values_of(wide), static_cast<float>(eps), rows, n,
                   mutable_values_of(inverse_rms), mutable_values_of(dx),
                   mutable_values_of(dweight));
  return dx;
}

namespace {

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                  float direction) {
  at::Tensor y = at::empty_like(x);
  rope_rotate(values_of(x), values_of(cos), values_of(sin), direction, x.size(0), x.size(1),
              x.size(2) / 2, mutable_values_of(y));
  return y;
}

}  // namespace

at::Tensor rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  return x.scalar_type() == at::kFloat ? rotate(x, cos, sin, 1) : reference::rope(x, cos, sin);
}

at::Tensor rope_backward(const at::Tensor& dout, const at::Tensor& cos, const at::Tensor& sin) {
  return dout.scalar_type() == at::kFloat ? rotate(dout, cos, sin, -1)
                                          : reference::rope_backward(dout, cos, sin);
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (gate.scalar_type() != at::kFloat) {
    return reference::swiglu(gate, up);
  }
  at::Tensor y = at::empty_like(gate);
  swiglu_forward(values_of(gate), values_of(up), gate.numel(), mutable_values_of(y));
  return y;
}

void swiglu_backward(const at::Tensor& dout, const at::Tensor& gate, const at::Tensor& up,
                     at::Tensor& dgate, at::Tensor& dup) {
  if (gate.scalar_type() != at::kFloat) {
    return reference::swiglu_backward(dout, gate, up, dgate, dup);
  }
  swiglu_gradient(values_of(dout), values_of(gate), values_of(up), gate.numel(),
                  mutable_values_of(dgate), mutable_values_of(dup));
}

}  // namespace cogent::model::cpu
