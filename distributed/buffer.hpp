#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace cogent::distributed {

enum class DataType : std::uint8_t { kFloat32, kBFloat16, kFloat64, kInt64, kInt32, kUint8 };
enum class Device : std::uint8_t { kHost, kCuda };

constexpr std::size_t size_of(DataType type) {
  switch (type) {
    case DataType::kFloat64:
    case DataType::kInt64:
      return 8;
    case DataType::kFloat32:
    case DataType::kInt32:
      return 4;
    case DataType::kBFloat16:
      return 2;
    case DataType::kUint8:
      return 1;
  }
  return 0;
}

// The bits of a bfloat16, without arithmetic.
struct BFloat16Bits {
  std::uint16_t bits;
};

template <typename T>
constexpr DataType data_type_of() {
  using Value = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<Value, float>) {
    return DataType::kFloat32;
  } else if constexpr (std::is_same_v<Value, BFloat16Bits>) {
    return DataType::kBFloat16;
  } else if constexpr (std::is_same_v<Value, double>) {
    return DataType::kFloat64;
  } else if constexpr (std::is_same_v<Value, std::int64_t>) {
    return DataType::kInt64;
  } else if constexpr (std::is_same_v<Value, std::int32_t>) {
    return DataType::kInt32;
  } else {
    static_assert(std::is_same_v<Value, std::uint8_t> || std::is_same_v<Value, std::byte>);
    return DataType::kUint8;
  }
}

// A typed run of values in memory that somebody else owns. Count and type travel together, so no
// call takes bytes for values.
struct Buffer {
  void* data = nullptr;
  std::int64_t count = 0;
  DataType type = DataType::kFloat32;
  Device device = Device::kHost;

  Buffer() = default;
  Buffer(void* values, std::int64_t value_count, DataType value_type, Device where = Device::kHost)
      : data(values), count(value_count), type(value_type), device(where) {}
  template <typename T>
  explicit Buffer(std::span<T> values)
      : data(values.data()),
        count(static_cast<std::int64_t>(values.size())),
        type(data_type_of<T>()) {}
  // Values [begin, begin + part_count) of it.
  Buffer part(std::int64_t begin, std::int64_t part_count) const {
    auto* const first =
        static_cast<std::byte*>(data) + static_cast<std::size_t>(begin) * size_of(type);
    return {first, part_count, type, device};
  }
  std::size_t bytes() const { return static_cast<std::size_t>(count) * size_of(type); }
};

}  // namespace cogent::distributed
