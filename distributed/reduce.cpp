#include "distributed/reduce.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace cogent::distributed {
namespace {

template <typename T>
T add(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(
        static_cast<Unsigned>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b)));
  } else {
    return a + b;
  }
}

template <typename T>
bool is_nan(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return value != value;
  } else {
    return false;
  }
}

template <typename T>
T smaller(T a, T b) {
  return b < a || is_nan(b) ? b : a;
}

template <typename T>
T larger(T a, T b) {
  return a < b || is_nan(b) ? b : a;
}

// Element by element, so that `into` may be one of the two.
template <typename T, typename Combine>
void combine_each(T* into, const T* a, const T* b, std::int64_t count, Combine combine) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < count; ++i) {
    into[i] = combine(a[i], b[i]);
  }
}

template <typename T>
void reduce_values(void* into, const void* a, const void* b, std::int64_t count, ReduceOp op) {
  auto* to = static_cast<T*>(into);
  const auto* left = static_cast<const T*>(a);
  const auto* right = static_cast<const T*>(b);
  switch (op) {
    case ReduceOp::kSum:
      combine_each(to, left, right, count, [](T x, T y) { return add(x, y); });
      break;
    case ReduceOp::kMin:
      combine_each(to, left, right, count, [](T x, T y) { return smaller(x, y); });
      break;
    case ReduceOp::kMax:
      combine_each(to, left, right, count, [](T x, T y) { return larger(x, y); });
      break;
  }
}

void reduce_bfloat16(void* into, const void* a, const void* b, std::int64_t count, ReduceOp op) {
  auto* to = static_cast<BFloat16Bits*>(into);
  const auto* left = static_cast<const BFloat16Bits*>(a);
  const auto* right = static_cast<const BFloat16Bits*>(b);
  const auto in_float = [](auto combine) {
    return [combine](BFloat16Bits x, BFloat16Bits y) {
      return round_to_bfloat16(combine(to_float(x), to_float(y)));
    };
  };
  switch (op) {
    case ReduceOp::kSum:
      combine_each(to, left, right, count, in_float([](float x, float y) { return x + y; }));
      break;
    case ReduceOp::kMin:
      combine_each(to, left, right, count,
                   in_float([](float x, float y) { return smaller(x, y); }));
      break;
    case ReduceOp::kMax:
      combine_each(to, left, right, count, in_float([](float x, float y) { return larger(x, y); }));
      break;
  }
}

}  // namespace

float to_float(BFloat16Bits value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

BFloat16Bits round_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  // Rounding a NaN could carry into infinity: it is cut instead, and kept quiet.
  const std::uint32_t cut = (bits >> 16) | 0x40u;
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return {static_cast<std::uint16_t>(nan ? cut : rounded)};
}

void widen(std::span<const BFloat16Bits> values, std::span<float> sums) {
  const BFloat16Bits* __restrict__ from = values.data();
  float* __restrict__ to = sums.data();
  for (std::size_t i = 0; i < values.size(); ++i) {
    to[i] = to_float(from[i]);
  }
}

void add_widened(std::span<const BFloat16Bits> values, std::span<float> sums) {
  const BFloat16Bits* __restrict__ from = values.data();
  float* __restrict__ to = sums.data();
  for (std::size_t i = 0; i < values.size(); ++i) {
    to[i] += to_float(from[i]);
  }
}

// Block by block through a copy: a block's results end where, at the latest, it began itself.
Buffer round_in_place(std::span<float> values) {
  constexpr std::size_t kBlock = 2048;
  std::array<BFloat16Bits, kBlock> rounded;
  auto* const to = reinterpret_cast<std::byte*>(values.data());
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, values.size() - begin);
    for (std::size_t i = 0; i < count; ++i) {
      rounded[i] = round_to_bfloat16(values[begin + i]);
    }
    std::memcpy(to + begin * sizeof(BFloat16Bits), rounded.data(), count * sizeof(BFloat16Bits));
  }
  return {values.data(), static_cast<std::int64_t>(values.size()), DataType::kBFloat16};
}

void reduce(void* into, const void* a, const void* b, std::int64_t count, DataType type,
            ReduceOp op) {
  switch (type) {
    case DataType::kFloat32:
      return reduce_values<float>(into, a, b, count, op);
    case DataType::kBFloat16:
      return reduce_bfloat16(into, a, b, count, op);
    case DataType::kFloat64:
      return reduce_values<double>(into, a, b, count, op);
    case DataType::kInt64:
      return reduce_values<std::int64_t>(into, a, b, count, op);
    case DataType::kInt32:
      return reduce_values<std::int32_t>(into, a, b, count, op);
    case DataType::kUint8:
      return reduce_values<std::uint8_t>(into, a, b, count, op);
  }
}

}  // namespace cogent::distributed
