#pragma once

#include <bit>
#include <cstdint>

namespace cogent::model {

// IEEE 754 binary16 as float32: exact.
float half_to_float(std::uint16_t bits);

// bfloat16 as float32: exact.
inline float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

// To the nearest bfloat16, ties to even; a NaN stays one.
std::uint16_t float_to_bfloat16(float value);

}  // namespace cogent::model
