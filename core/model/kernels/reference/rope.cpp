#include "core/model/kernels/reference/reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

namespace cogent::model::reference {

at::Tensor rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const at::Tensor wide = x.to(wide_type(x));
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor low = wide.narrow(-1, 0, half);
  const at::Tensor high = wide.narrow(-1, half, half);
  const at::Tensor c = cos.unsqueeze(1);  // [rows, 1, half]
  const at::Tensor s = sin.unsqueeze(1);
  return at::cat({low * c - high * s, high * c + low * s}, -1).to(x.scalar_type());
}

// The transpose of a rotation is the rotation the other way.
at::Tensor rope_backward(const at::Tensor& dout, const at::Tensor& cos, const at::Tensor& sin) {
  return rope(dout, cos, -sin);
}

}  // namespace cogent::model::reference
