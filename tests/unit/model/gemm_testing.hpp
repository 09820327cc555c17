#pragma once

#include "core/base/philox.hpp"
#include "core/model/kernels/cpu/gemm.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

// What the tests of the matrix products share: their kernels, reproducible values, and the contract
// in scalar code.
namespace cogent::model::testing {

using cpu::ChainStart;
using cpu::GemmShape;

template <typename Weight>
struct GemmKernel {
  const char* name;
  void (*run)(const GemmShape&, cpu::MatrixView, const Weight*, ChainStart, float*);
  bool supported;
};

template <typename Weight>
std::vector<GemmKernel<Weight>> gemm_kernels() {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") != 0;
  return {{"avx2", cpu::gemm_panels_avx2, avx2}, {"avx512", cpu::gemm_panels_avx512, avx512}};
}

// Numbers in [-1, 1) of every magnitude that sums of products meet.
inline std::vector<float> numbers(std::int64_t count, std::uint32_t which) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(
        2 * draw_uniform({.seed = 7, .step = which, .prompt = static_cast<std::uint32_t>(i)}) - 1);
  }
  return values;
}

// One chain of fused multiply-adds an element of a [m, k] w [n, k]^T.
inline std::vector<float> scalar_chains(const GemmShape& shape, const std::vector<float>& a,
                                        const std::vector<float>& w,
                                        const std::vector<float>& start) {
  std::vector<float> c = start;
  for (std::int64_t i = 0; i < shape.m; ++i) {
    for (std::int64_t j = 0; j < shape.n; ++j) {
      float& sum = c[static_cast<std::size_t>(i * shape.n + j)];
      for (std::int64_t k = 0; k < shape.k; ++k) {
        sum = std::fma(a[static_cast<std::size_t>(i * shape.k + k)],
                       w[static_cast<std::size_t>(j * shape.k + k)], sum);
      }
    }
  }
  return c;
}

template <typename Weight>
std::vector<Weight> packed(const std::vector<Weight>& w, std::int64_t n, std::int64_t k) {
  std::vector<Weight> panels(static_cast<std::size_t>(cpu::panels_of(n) * cpu::kPanel * k));
  cpu::pack_panels(cpu::rows_of(w.data(), k), n, k, panels.data());
  return panels;
}

}  // namespace cogent::model::testing
