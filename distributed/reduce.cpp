#include "distributed/reduce.hpp"

#include <bit>
#include <cmath>
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

template <typename T, typename Combine>
void combine_into(T* __restrict__ into, const T* __restrict__ values, std::int64_t count,
                  Combine combine) {
  for (std::int64_t i = 0; i < count; ++i) {
    into[i] = combine(into[i], values[i]);
  }
}

template <typename T>
void reduce_values(void* into, const void* values, std::int64_t count, ReduceOp op) {
  auto* left = static_cast<T*>(into);
  const auto* right = static_cast<const T*>(values);
  switch (op) {
    case ReduceOp::kSum:
      combine_into(left, right, count, [](T a, T b) { return add(a, b); });
      break;
    case ReduceOp::kMin:
      combine_into(left, right, count, [](T a, T b) { return smaller(a, b); });
      break;
    case ReduceOp::kMax:
      combine_into(left, right, count, [](T a, T b) { return larger(a, b); });
      break;
  }
}

void reduce_bfloat16(void* into, const void* values, std::int64_t count, ReduceOp op) {
  auto* left = static_cast<BFloat16Bits*>(into);
  const auto* right = static_cast<const BFloat16Bits*>(values);
  const auto in_float = [](auto combine) {
    return [combine](BFloat16Bits a, BFloat16Bits b) {
      return round_to_bfloat16(combine(to_float(a), to_float(b)));
    };
  };
  switch (op) {
    case ReduceOp::kSum:
      combine_into(left, right, count, in_float([](float a, float b) { return a + b; }));
      break;
    case ReduceOp::kMin:
      combine_into(left, right, count, in_float([](float a, float b) { return smaller(a, b); }));
      break;
    case ReduceOp::kMax:
      combine_into(left, right, count, in_float([](float a, float b) { return larger(a, b); }));
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

void reduce_into(void* into, const void* values, std::int64_t count, DataType type, ReduceOp op) {
  switch (type) {
    case DataType::kFloat32:
      return reduce_values<float>(into, values, count, op);
    case DataType::kBFloat16:
      return reduce_bfloat16(into, values, count, op);
    case DataType::kFloat64:
      return reduce_values<double>(into, values, count, op);
    case DataType::kInt64:
      return reduce_values<std::int64_t>(into, values, count, op);
    case DataType::kInt32:
      return reduce_values<std::int32_t>(into, values, count, op);
    case DataType::kUint8:
      return reduce_values<std::uint8_t>(into, values, count, op);
  }
}

}  // namespace cogent::distributed
