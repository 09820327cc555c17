#pragma once

#include <cstdint>

// The kernels' own exponential, which only sources compiled for AVX2 may include.
namespace cogent::model::testing {

// `count` is a multiple of 8. Needs AVX2 and FMA.
void vector_exponentials(const float* x, std::int64_t count, float* y);

}  // namespace cogent::model::testing
