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
inline std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t quiet = bits >> 16 | 0x40u;  // of a NaN, so never an infinity
  const std::uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<std::uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

}  // namespace cogent::model
