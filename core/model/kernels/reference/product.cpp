#include "core/model/kernels/reference/reference.hpp"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

namespace cogent::model::reference {

at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  if (a.scalar_type() == at::kBFloat16 && a.is_cpu() && !cpu_multiplies_bfloat16()) {
    const at::Tensor wide_bias = bias.defined() ? bias.to(at::kFloat) : bias;
    return product(a.to(at::kFloat), b.to(at::kFloat), wide_bias).to(at::kBFloat16);
  }
  return bias.defined() ? at::addmm(bias, a, b) : at::mm(a, b);
}

}  // namespace cogent::model::reference
