#pragma once

#include "distributed/buffer.hpp"
#include "distributed/communicator.hpp"

#include <cstdint>
#include <span>

namespace cogent::distributed {

// into[i] = a[i] op b[i], for host memory; `into` may be a or b, and overlaps neither otherwise.
// Integers wrap around. A bfloat16 sum is added in float and rounded to nearest even at each
// addition. kMin and kMax pass a NaN on.
void reduce(void* into, const void* a, const void* b, std::int64_t count, DataType type,
            ReduceOp op);

// sums[i] = values[i], and sums[i] += values[i], without rounding the values' sum to their type.
void widen(std::span<const BFloat16Bits> values, std::span<float> sums);
void add_widened(std::span<const BFloat16Bits> values, std::span<float> sums);

// Rounds each value and packs the results into the front half of the same memory, which they are
// given back as.
Buffer round_in_place(std::span<float> values);

// The rounding of one bfloat16 addition, and its inverse.
float to_float(BFloat16Bits value);
BFloat16Bits round_to_bfloat16(float value);

}  // namespace cogent::distributed
