#include "core/model/kernels/cpu/gemm_kernel.hpp"

namespace cogent::model::cpu {

// Twelve registers of sums, two of weights, one of a row's value: of sixteen.
void gemm_panels_avx2(const GemmShape& shape, MatrixView a, const float* panels, ChainStart start,
                      float* c) {
  gemm_all<6, 1>(shape, a, panels, start, c);
}

void gemm_panels_avx2(const GemmShape& shape, MatrixView a, const Bfloat16Bits* panels,
                      ChainStart start, float* c) {
  gemm_all<6, 1>(shape, a, panels, start, c);
}

}  // namespace cogent::model::cpu
