#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace cogent::model::cpu {

// Natural logarithm of a positive normal float, within 1 ulp, without the C library, whose bits are
// another version's tomorrow. x = 2^n m with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh s for s =
// (m - 1) / (m + 1), by its series in double, |s| < 0.172: the first term left out is below 1e-12.
// Infinity and NaN give themselves.
// `static`: sources for several instruction sets include this.
static inline float logarithm(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  constexpr std::uint32_t kInfinity = 0x7f800000;
  if ((bits & kInfinity) == kInfinity) {
    return x;
  }
  constexpr std::uint32_t kRootOfHalf = 0x3f3504f3;
  const std::uint32_t above = bits - kRootOfHalf;
  const auto n = static_cast<std::int32_t>(above) >> 23;
  const std::uint32_t mantissa = bits - (static_cast<std::uint32_t>(n) << 23);
  float m = 0;
  std::memcpy(&m, &mantissa, sizeof m);
  const double wide = static_cast<double>(m);
  const double s = (wide - 1) / (wide + 1);
  const double square = s * s;
  double series = 1.0 / 15;
  for (const double divisor : {13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0}) {
    series = series * square + 1 / divisor;
  }
  constexpr double kLogOfTwo = 0.693147180559945309417;
  return static_cast<float>(static_cast<double>(n) * kLogOfTwo + 2 * s * series);
}

}  // namespace cogent::model::cpu
