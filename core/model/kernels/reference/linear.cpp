#include "core/model/kernels/reference/reference.hpp"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/t.h>

namespace cogent::model::reference {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor transposed = as_activation(weight, x).t();
  return bias.defined() ? at::addmm(as_activation(bias, x), x, transposed) : at::mm(x, transposed);
}

at::Tensor linear_backward(const at::Tensor& dout, const at::Tensor& x, const at::Tensor& weight,
                           at::Tensor& dweight, at::Tensor& dbias) {
  if (dweight.defined()) {
    dweight.addmm_(dout.t(), x);
  }
  if (dbias.defined()) {
    dbias.add_(dout.sum(0));
  }
  return at::mm(dout, as_activation(weight, dout));
}

}  // namespace cogent::model::reference
