#pragma once

#include <cstdint>
#include <span>

// Sums of float32 values that do not depend on the order of additions: each value is rounded to a
// multiple of 2^-52 (nearest, ties to even) and added as a 64-bit integer. The same bits on every
// machine.
namespace cogent::trainer {

// The largest magnitude of a value of which `conversions` (from 1) may be added to one sum without
// overflow: |value| 2^52 <= (2^63 - 1) / conversions.
float fixed_point_limit(std::int64_t conversions);

// sums[i] += values[i] 2^52, and the values become zero. False where a value is not finite or
// larger than `limit`: the sums are then of no use. Both spans have equal length.
[[nodiscard]] bool add_fixed_point(std::span<float> values, float limit,
                                   std::span<std::int64_t> sums);

// values[i] = sums[i] 2^-52, rounded once to float32. Both spans have equal length.
void fixed_point_values(std::span<const std::int64_t> sums, std::span<float> values);

}  // namespace cogent::trainer
