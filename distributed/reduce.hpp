#pragma once

#include "distributed/buffer.hpp"
#include "distributed/communicator.hpp"

#include <cstdint>

namespace cogent::distributed {

// into[i] = into[i] op values[i], for host memory that does not overlap. Integers wrap around. A
// bfloat16 sum is added in float and rounded to nearest even at each addition. kMin and kMax pass a
// NaN on.
void reduce_into(void* into, const void* values, std::int64_t count, DataType type, ReduceOp op);

// The rounding of one bfloat16 addition, and its inverse.
float to_float(BFloat16Bits value);
BFloat16Bits round_to_bfloat16(float value);

}  // namespace cogent::distributed
