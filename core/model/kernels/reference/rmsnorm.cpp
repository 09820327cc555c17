#include "core/model/kernels/reference/reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sum.h>

namespace cogent::model::reference {
namespace {

// 1 / sqrt(mean(x^2) + eps): [..., 1]. x is of the wide type.
at::Tensor inverse_rms(const at::Tensor& x, double eps) {
  return x.square().mean(-1, true).add_(eps).rsqrt_();
}

}  // namespace

at::Tensor rmsnorm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const auto type = wide_type(x);
  const at::Tensor wide = x.to(type);
  return (wide * inverse_rms(wide, eps) * weight.to(type)).to(x.scalar_type());
}

// With r = 1 / rms and n = x r: dx = r (dn - n mean(dn n)), dn = dout weight; dweight = sum of dout
// n.
at::Tensor rmsnorm_backward(const at::Tensor& dout, const at::Tensor& x, const at::Tensor& weight,
                            double eps, at::Tensor& dweight) {
  const auto type = wide_type(x);
  const at::Tensor wide = x.to(type);
  const at::Tensor r = inverse_rms(wide, eps);
  const at::Tensor n = wide * r;
  const at::Tensor wide_dout = dout.to(type);
  if (dweight.defined()) {
    dweight.add_((wide_dout * n).view({-1, x.size(-1)}).sum(0));
  }
  const at::Tensor dn = wide_dout * weight.to(type);
  return (r * (dn - n * (dn * n).mean(-1, true))).to(x.scalar_type());
}

}  // namespace cogent::model::reference
