#include "core/model/kernels/cpu/linear.hpp"

#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/kernels/reference/reference.hpp"
#include "core/model/weights/number_formats.hpp"

#include <ATen/ops/empty.h>

namespace cogent::model::cpu {
namespace {

at::Tensor empty_panels(std::int64_t rows, std::int64_t columns, const at::Tensor& like) {
  return at::empty({panels_of(rows), columns, kPanel}, like.options());
}

bool in_bfloat16(const at::Tensor& weight) {
  return weight.scalar_type() == at::kBFloat16;
}

template <typename Value>
void pack_transposed(const Value* weight, bool in_panels, std::int64_t rows, std::int64_t columns,
                     Value* panels) {
  if (in_panels) {
    transpose_panels(weight, rows, columns, panels);
  } else {
    pack_panels(transposed(rows_of(weight, columns)), columns, rows, panels);
  }
}

// Rows `ids` of a table in panels.
template <typename Value, typename Widen>
void read_rows(const Value* table, std::int64_t columns, const at::Tensor& ids, const Widen& widen,
               float* to) {
  const std::int64_t* const id = ids.const_data_ptr<std::int64_t>();
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    const Value* const from = table + id[row] / kPanel * kPanel * columns + id[row] % kPanel;
    for (std::int64_t i = 0; i < columns; ++i) {
      to[row * columns + i] = widen(from[i * kPanel]);
    }
  }
}

}  // namespace

bool in_panels(const at::Tensor& weight) {
  return weight.dim() == 3;
}

std::int64_t row_count(const at::Tensor& weight) {
  return in_panels(weight) ? weight.size(0) * kPanel : weight.size(0);
}

std::int64_t column_count(const at::Tensor& weight) {
  return weight.size(1);
}

at::Tensor panels_of_weight(const at::Tensor& weight) {
  if (in_panels(weight)) {
    return weight;
  }
  at::Tensor panels = empty_panels(weight.size(0), weight.size(1), weight);
  const std::int64_t rows = weight.size(0);
  const std::int64_t columns = weight.size(1);
  if (in_bfloat16(weight)) {
    pack_panels(rows_of(bits_of(weight), columns), rows, columns, mutable_bits_of(panels));
  } else {
    pack_panels(rows_of(values_of(weight), columns), rows, columns, mutable_values_of(panels));
  }
  return panels;
}

at::Tensor panels_of_transposed(const at::Tensor& weight) {
  const std::int64_t rows = row_count(weight);
  const std::int64_t columns = column_count(weight);
  at::Tensor panels = empty_panels(columns, rows, weight);
  if (in_bfloat16(weight)) {
    pack_transposed(bits_of(weight), in_panels(weight), rows, columns, mutable_bits_of(panels));
  } else {
    pack_transposed(values_of(weight), in_panels(weight), rows, columns, mutable_values_of(panels));
  }
  return panels;
}

void multiply(const at::Tensor& x, const at::Tensor& panels, const at::Tensor& bias,
              at::Tensor& result) {
  const at::Tensor wide_bias = reference::as_activation(bias, x);
  const ChainStart start =
      bias.defined() ? ChainStart{ChainStart::At::kBias, values_of(wide_bias)} : ChainStart{};
  const GemmShape shape{x.size(0), result.size(1), x.size(1)};
  const MatrixView a = rows_of(values_of(x), x.size(1));
  if (in_bfloat16(panels)) {
    gemm_panels(shape, a, bits_of(panels), start, mutable_values_of(result));
  } else {
    gemm_panels(shape, a, values_of(panels), start, mutable_values_of(result));
  }
}

void add_outer_products(const at::Tensor& dout, const at::Tensor& x, at::Tensor& result) {
  const std::int64_t rows = x.size(0);
  at::Tensor panels = empty_panels(x.size(1), rows, x);
  pack_panels(transposed(rows_of(values_of(x), x.size(1))), x.size(1), rows,
              mutable_values_of(panels));
  gemm_panels({dout.size(1), x.size(1), rows}, transposed(rows_of(values_of(dout), dout.size(1))),
              values_of(panels), {ChainStart::At::kResult, nullptr}, mutable_values_of(result));
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (x.scalar_type() != at::kFloat) {
    return reference::linear(x, weight, bias);
  }
  at::Tensor result = at::empty({x.size(0), row_count(weight)}, x.options());
  multiply(x, panels_of_weight(weight), bias, result);
  return result;
}

at::Tensor linear_backward(const at::Tensor& dout, const at::Tensor& x, const at::Tensor& weight,
                           at::Tensor& dweight, at::Tensor& dbias) {
  if (x.scalar_type() != at::kFloat) {
    return reference::linear_backward(dout, x, weight, dweight, dbias);
  }
  if (dweight.defined()) {
    add_outer_products(dout, x, dweight);
  }
  if (dbias.defined()) {
    add_column_sums(values_of(dout), dout.size(0), dout.size(1), mutable_values_of(dbias));
  }
  at::Tensor dx = at::empty({dout.size(0), column_count(weight)}, dout.options());
  multiply(dout, panels_of_transposed(weight), {}, dx);
  return dx;
}

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids) {
  if (!in_panels(table)) {
    return reference::embedding(table, ids);
  }
  const std::int64_t columns = column_count(table);
  at::Tensor result = at::empty({ids.size(0), columns}, table.options().dtype(at::kFloat));
  float* const to = mutable_values_of(result);
  if (in_bfloat16(table)) {
    read_rows(bits_of(table), columns, ids, bfloat16_to_float, to);
  } else {
    read_rows(
        values_of(table), columns, ids, [](float value) { return value; }, to);
  }
  return result;
}

}  // namespace cogent::model::cpu
