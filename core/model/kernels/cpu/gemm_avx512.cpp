#include "core/model/kernels/cpu/gemm_kernel.hpp"

namespace cogent::model::cpu {

// 24 registers of sums, two of weights, one of a row's value: of thirty-two.
void gemm_panels_avx512(const GemmShape& shape, MatrixView a, const float* panels, ChainStart start,
                        float* c) {
  gemm_all<12, 2>(shape, a, panels, start, c);
}

void gemm_panels_avx512(const GemmShape& shape, MatrixView a, const Bfloat16Bits* panels,
                        ChainStart start, float* c) {
  gemm_all<12, 2>(shape, a, panels, start, c);
}

}  // namespace cogent::model::cpu
