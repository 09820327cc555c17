#include "core/model/kernels/cpu/gemm.hpp"

#include <algorithm>
#include <vector>

namespace cogent::model::cpu {
namespace {

// Calls `change(panel, scratch)` for every panel of w [n, k]; the scratch holds the panel's values.
template <typename Change>
void change_panels(float* w, std::int64_t n, std::int64_t k, const Change& change) {
#pragma omp parallel
  {
    std::vector<float> scratch(static_cast<std::size_t>(k * kPanel));
#pragma omp for schedule(static)
    for (std::int64_t panel = 0; panel < n / kPanel; ++panel) {
      float* const values = w + panel * kPanel * k;
      std::copy_n(values, k * kPanel, scratch.data());
      change(values, scratch.data());
    }
  }
}

}  // namespace

void pack_panels(MatrixView w, std::int64_t n, std::int64_t k, float* panels) {
#pragma omp parallel for schedule(static)
  for (std::int64_t panel = 0; panel < panels_of(n); ++panel) {
    const std::int64_t width = std::min(kPanel, n - panel * kPanel);
    const float* const from = w.data + panel * kPanel * w.row_stride;
    float* const to = panels + panel * kPanel * k;
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        to[i * kPanel + j] = from[j * w.row_stride + i * w.column_stride];
      }
      std::fill(to + i * kPanel + width, to + (i + 1) * kPanel, 0.0F);
    }
  }
}

void transpose_panels(const float* panels, std::int64_t n, std::int64_t k, float* result) {
#pragma omp parallel for schedule(static)
  for (std::int64_t column = 0; column < panels_of(k); ++column) {
    const std::int64_t width = std::min(kPanel, k - column * kPanel);
    for (std::int64_t panel = 0; panel < n / kPanel; ++panel) {
      const float* const from = panels + (panel * k + column * kPanel) * kPanel;
      float* const to = result + (column * n + panel * kPanel) * kPanel;
      for (std::int64_t j = 0; j < kPanel; ++j) {
        for (std::int64_t i = 0; i < kPanel; ++i) {
          to[j * kPanel + i] = i < width ? from[i * kPanel + j] : 0;
        }
      }
    }
  }
}

void rows_to_panels(float* w, std::int64_t n, std::int64_t k) {
  change_panels(w, n, k, [k](float* values, const float* rows) {
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t j = 0; j < kPanel; ++j) {
        values[i * kPanel + j] = rows[j * k + i];
      }
    }
  });
}

void panels_to_rows(float* w, std::int64_t n, std::int64_t k) {
  change_panels(w, n, k, [k](float* values, const float* panel) {
    for (std::int64_t j = 0; j < kPanel; ++j) {
      for (std::int64_t i = 0; i < k; ++i) {
        values[j * k + i] = panel[i * kPanel + j];
      }
    }
  });
}

void gemm_panels(const GemmShape& shape, MatrixView a, const float* panels, ChainStart start,
                 float* c) {
  static const bool wide = __builtin_cpu_supports("avx512f");
  (wide ? gemm_panels_avx512 : gemm_panels_avx2)(shape, a, panels, start, c);
}

}  // namespace cogent::model::cpu
