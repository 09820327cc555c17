#pragma once

#include "core/model/kernels/cpu/gemm.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>

// Linear layers' matrices for gemm_panels. A weight is a tensor [rows, columns], or the same values
// in panels as a tensor [rows / kPanel, columns, kPanel] (core/model/panels.hpp), of float32 or
// bfloat16; packed copies keep its type.
namespace cogent::model::cpu {

bool in_panels(const at::Tensor& weight);
std::int64_t row_count(const at::Tensor& weight);
std::int64_t column_count(const at::Tensor& weight);

// The weight's own panels where it is in panels, else a packed copy.
at::Tensor panels_of_weight(const at::Tensor& weight);
// A packed copy of the transposed weight.
at::Tensor panels_of_transposed(const at::Tensor& weight);

// result [rows, row_count] = x [rows, columns] times the weight whose panels these are; bias may be
// undefined.
void multiply(const at::Tensor& x, const at::Tensor& panels, const at::Tensor& bias,
              at::Tensor& result);
// result [n, k] += dout^T x. dout [rows, n], x [rows, k].
void add_outer_products(const at::Tensor& dout, const at::Tensor& x, at::Tensor& result);

}  // namespace cogent::model::cpu
