#include "core/model/kernels/reference/reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>

namespace cogent::model::reference {

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  const auto type = wide_type(gate);
  const at::Tensor g = gate.to(type);
  return (g * at::sigmoid(g) * up.to(type)).to(gate.scalar_type());
}

// With s = sigmoid(gate): d silu / d gate = s (1 + gate (1 - s)).
void swiglu_backward(const at::Tensor& dout, const at::Tensor& gate, const at::Tensor& up,
                     at::Tensor& dgate, at::Tensor& dup) {
  const auto type = wide_type(gate);
  const at::Tensor g = gate.to(type);
  const at::Tensor s = at::sigmoid(g);
  const at::Tensor d = dout.to(type);
  if (dup.defined()) {
    dup.add_(d * g * s);
  }
  if (dgate.defined()) {
    dgate.add_(d * up.to(type) * s * (1 + g * (1 - s)));
  }
}

}  // namespace cogent::model::reference
