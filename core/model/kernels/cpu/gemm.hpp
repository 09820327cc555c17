#pragma once

#include <cstdint>

// Matrix products over panels: C = A W^T, with A [m, k], W [n, k], C [m, n]. Each element of C is
// one chain of fused multiply-adds over k = 0, 1, ..., in that order, so its bits do not depend on
// how many rows there are, on the threads, or on the width of the machine's vectors.
// Functions here are `static`: the sources that include this are compiled for several instruction
// sets, and no copy may be linked from one into another.
namespace cogent::model::cpu {

// A panel holds kPanel rows of W, k by k: panel p is [k][kPanel] with W[p * kPanel + j][i] at
// [i][j]. A last panel of fewer rows is filled up with zeros.
inline constexpr std::int64_t kPanel = 16;

static constexpr std::int64_t panels_of(std::int64_t rows) {
  return (rows + kPanel - 1) / kPanel;
}

// The bits of a bfloat16, the other type of W than float32. It is widened as it is read, which is
// exact: a product has the bits of the one with a float32 W of the same values.
using Bfloat16Bits = std::uint16_t;

// Element (i, j) of a matrix at data[i * row_stride + j * column_stride].
template <typename Value>
struct Strided {
  const Value* data;
  std::int64_t row_stride;
  std::int64_t column_stride;
};
using MatrixView = Strided<float>;
template <typename Value>
static inline Strided<Value> rows_of(const Value* data, std::int64_t columns) {
  return {data, columns, 1};
}
template <typename Value>
static inline Strided<Value> transposed(Strided<Value> matrix) {
  return {matrix.data, matrix.column_stride, matrix.row_stride};
}

// Value: float or Bfloat16Bits.
// panels [panels_of(n)][k][kPanel] of w [n, k].
template <typename Value>
void pack_panels(Strided<Value> w, std::int64_t n, std::int64_t k, Value* panels);
// Panels of w^T [k, n] from the panels of w [n, k], n a multiple of kPanel.
template <typename Value>
void transpose_panels(const Value* panels, std::int64_t n, std::int64_t k, Value* result);
// w [n, k] in place from rows to panels and back, n a multiple of kPanel.
template <typename Value>
void rows_to_panels(Value* w, std::int64_t n, std::int64_t k);
template <typename Value>
void panels_to_rows(Value* w, std::int64_t n, std::int64_t k);

struct GemmShape {
  std::int64_t m, n, k;
};

// Where the chains of C begin: at zero, at a bias [n], or at C's own values.
struct ChainStart {
  enum class At { kZero, kBias, kResult } at = At::kZero;
  const float* bias = nullptr;
};

// c [m, n], contiguous.
void gemm_panels(const GemmShape& shape, MatrixView a, const float* panels, ChainStart start,
                 float* c);
void gemm_panels(const GemmShape& shape, MatrixView a, const Bfloat16Bits* panels, ChainStart start,
                 float* c);
// What gemm_panels chooses from by the machine's instruction set.
void gemm_panels_avx2(const GemmShape& shape, MatrixView a, const float* panels, ChainStart start,
                      float* c);
void gemm_panels_avx2(const GemmShape& shape, MatrixView a, const Bfloat16Bits* panels,
                      ChainStart start, float* c);
void gemm_panels_avx512(const GemmShape& shape, MatrixView a, const float* panels, ChainStart start,
                        float* c);
void gemm_panels_avx512(const GemmShape& shape, MatrixView a, const Bfloat16Bits* panels,
                        ChainStart start, float* c);

}  // namespace cogent::model::cpu
