#include "core/model/kernels/cpu/gemm.hpp"

#include <algorithm>
#include <vector>

namespace cogent::model::cpu {
namespace {

// Calls `change(panel, scratch)` for every panel of w [n, k]; the scratch holds the panel's values.
template <typename Value, typename Change>
void change_panels(Value* w, std::int64_t n, std::int64_t k, const Change& change) {
#pragma omp parallel
  {
    std::vector<Value> scratch(static_cast<std::size_t>(k * kPanel));
#pragma omp for schedule(static)
    for (std::int64_t panel = 0; panel < n / kPanel; ++panel) {
      Value* const values = w + panel * kPanel * k;
      std::copy_n(values, k * kPanel, scratch.data());
      change(values, scratch.data());
    }
  }
}

}  // namespace

template <typename Value>
void pack_panels(Strided<Value> w, std::int64_t n, std::int64_t k, Value* panels) {
#pragma omp parallel for schedule(static)
  for (std::int64_t panel = 0; panel < panels_of(n); ++panel) {
    const std::int64_t width = std::min(kPanel, n - panel * kPanel);
    const Value* const from = w.data + panel * kPanel * w.row_stride;
    Value* const to = panels + panel * kPanel * k;
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        to[i * kPanel + j] = from[j * w.row_stride + i * w.column_stride];
      }
      std::fill(to + i * kPanel + width, to + (i + 1) * kPanel, Value{0});
    }
  }
}

template <typename Value>
void transpose_panels(const Value* panels, std::int64_t n, std::int64_t k, Value* result) {
#pragma omp parallel for schedule(static)
  for (std::int64_t column = 0; column < panels_of(k); ++column) {
    const std::int64_t width = std::min(kPanel, k - column * kPanel);
    for (std::int64_t panel = 0; panel < n / kPanel; ++panel) {
      const Value* const from = panels + (panel * k + column * kPanel) * kPanel;
      Value* const to = result + (column * n + panel * kPanel) * kPanel;
      for (std::int64_t j = 0; j < kPanel; ++j) {
        for (std::int64_t i = 0; i < kPanel; ++i) {
          to[j * kPanel + i] = i < width ? from[i * kPanel + j] : Value{0};
        }
      }
    }
  }
}

template <typename Value>
void rows_to_panels(Value* w, std::int64_t n, std::int64_t k) {
  change_panels(w, n, k, [k](Value* values, const Value* rows) {
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t j = 0; j < kPanel; ++j) {
        values[i * kPanel + j] = rows[j * k + i];
      }
    }
  });
}

template <typename Value>
void panels_to_rows(Value* w, std::int64_t n, std::int64_t k) {
  change_panels(w, n, k, [k](Value* values, const Value* panel) {
    for (std::int64_t j = 0; j < kPanel; ++j) {
      for (std::int64_t i = 0; i < k; ++i) {
        values[j * k + i] = panel[i * kPanel + j];
      }
    }
  });
}

template void pack_panels(Strided<float>, std::int64_t, std::int64_t, float*);
template void transpose_panels(const float*, std::int64_t, std::int64_t, float*);
template void rows_to_panels(float*, std::int64_t, std::int64_t);
template void panels_to_rows(float*, std::int64_t, std::int64_t);
template void pack_panels(Strided<Bfloat16Bits>, std::int64_t, std::int64_t, Bfloat16Bits*);
template void transpose_panels(const Bfloat16Bits*, std::int64_t, std::int64_t, Bfloat16Bits*);
template void rows_to_panels(Bfloat16Bits*, std::int64_t, std::int64_t);
template void panels_to_rows(Bfloat16Bits*, std::int64_t, std::int64_t);

namespace {

bool has_avx512() {
  static const bool supported = __builtin_cpu_supports("avx512f");
  return supported;
}

}  // namespace

void gemm_panels(const GemmShape& shape, MatrixView a, const float* panels, ChainStart start,
                 float* c) {
  has_avx512() ? gemm_panels_avx512(shape, a, panels, start, c)
               : gemm_panels_avx2(shape, a, panels, start, c);
}

void gemm_panels(const GemmShape& shape, MatrixView a, const Bfloat16Bits* panels, ChainStart start,
                 float* c) {
  has_avx512() ? gemm_panels_avx512(shape, a, panels, start, c)
               : gemm_panels_avx2(shape, a, panels, start, c);
}

}  // namespace cogent::model::cpu
