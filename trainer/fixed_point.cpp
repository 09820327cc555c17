#include "trainer/fixed_point.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace cogent::trainer {
namespace {

constexpr double kScale = 0x1p52;
// Added to a double of magnitude below 2^51, it rounds that to an integer (nearest, ties to even),
// which then stands in the low bits: a conversion that SSE2 and AVX2 have no instruction for.
constexpr double kRounder = 0x1.8p52;
constexpr std::size_t kBlock = 1024;  // values; they stay in the first-level cache

[[gnu::always_inline]] inline std::int64_t rounded_integer(double behind_rounder) {
  return std::bit_cast<std::int64_t>(behind_rounder) - std::bit_cast<std::int64_t>(kRounder);
}

// Split at 2^32, so that both parts are in the rounder's range. The high part is an even number of
// units of the low one, and their difference is exact: together they round as the whole does.
[[gnu::always_inline]] inline std::int64_t to_fixed_point(float value) {
  const double scaled = static_cast<double>(value) * kScale;
  const double high = scaled * 0x1p-32 + kRounder;
  const double low = scaled - (high - kRounder) * 0x1p32 + kRounder;
  return rounded_integer(high) * (std::int64_t{1} << 32) + rounded_integer(low);
}

// The largest magnitude as the bits of a float: those of infinity and NaN are above all others.
[[gnu::always_inline]] inline std::int32_t largest_magnitude(const float* values,
                                                             std::size_t count) {
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::bit_cast<std::int32_t>(values[i]) & 0x7fffffff);
  }
  return largest;
}

// A block of zeros is common (rows of an embedding whose token is absent) and leaves the sums
// unread.
[[gnu::always_inline]] inline bool add_blocks(float* __restrict values, std::size_t count,
                                              float limit, std::int64_t* __restrict sums) {
  bool fits = true;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t length = std::min(kBlock, count - begin);
    float* __restrict from = values + begin;
    std::int64_t* __restrict to = sums + begin;
    const std::int32_t largest = largest_magnitude(from, length);
    if (largest == 0) {
      continue;
    }
    if (largest > std::bit_cast<std::int32_t>(limit)) {
      std::fill_n(from, length, 0.0F);
      fits = false;
      continue;
    }
    for (std::size_t i = 0; i < length; ++i) {
      to[i] += to_fixed_point(from[i]);
      from[i] = 0;
    }
  }
  return fits;
}

// The same source for both: nothing in it depends on the width of the vectors.
[[gnu::target("avx2")]] bool add_blocks_avx2(float* values, std::size_t count, float limit,
                                             std::int64_t* sums) {
  return add_blocks(values, count, limit, sums);
}

bool add_blocks_baseline(float* values, std::size_t count, float limit, std::int64_t* sums) {
  return add_blocks(values, count, limit, sums);
}

}  // namespace

float fixed_point_limit(std::int64_t conversions) {
  check(conversions >= 1, ErrorCode::kUnexpected, "a fixed-point sum of ", conversions, " values");
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / conversions;
  auto limit = static_cast<float>(most);
  if (limit >= 0x1p63F || static_cast<std::int64_t>(limit) > most) {  // it was rounded up
    limit = std::nextafter(limit, 0.0F);
  }
  return limit * 0x1p-52F;
}

bool add_fixed_point(std::span<float> values, float limit, std::span<std::int64_t> sums) {
  check(values.size() == sums.size(), ErrorCode::kUnexpected, "a fixed-point sum got ",
        values.size(), " values for ", sums.size(), " sums");
  static const bool wide = __builtin_cpu_supports("avx2") != 0;
  return (wide ? add_blocks_avx2 : add_blocks_baseline)(values.data(), values.size(), limit,
                                                        sums.data());
}

void fixed_point_values(std::span<const std::int64_t> sums, std::span<float> values) {
  check(values.size() == sums.size(), ErrorCode::kUnexpected, "a fixed-point sum got ",
        values.size(), " values for ", sums.size(), " sums");
  for (std::size_t i = 0; i < sums.size(); ++i) {
    values[i] = static_cast<float>(sums[i]) * 0x1p-52F;
  }
}

}  // namespace cogent::trainer
