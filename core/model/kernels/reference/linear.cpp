#include "core/model/kernels/reference/reference.hpp"

#include <ATen/ops/sum.h>
#include <ATen/ops/t.h>

namespace cogent::model::reference {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return product(x, as_activation(weight, x).t(), as_activation(bias, x));
}

at::Tensor linear_backward(const at::Tensor& dout, const at::Tensor& x, const at::Tensor& weight,
                           at::Tensor& dweight, at::Tensor& dbias) {
  if (dweight.defined()) {
    const at::ScalarType type = dweight.scalar_type();
    dweight.addmm_(dout.to(type).t(), x.to(type));
  }
  if (dbias.defined()) {
    dbias.add_(dout.sum(0, false, dbias.scalar_type()));
  }
  return product(dout, as_activation(weight, dout));
}

}  // namespace cogent::model::reference
