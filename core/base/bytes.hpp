#pragma once

#include "core/base/error.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace cogent {

static_assert(std::endian::native == std::endian::little,
              "formats are little-endian and read in place");

// Reads little-endian values from bytes that come from outside. Every read is checked against what
// is left: an Error of the given code names the thing and the offset. The bytes must outlive the
// reader.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string name, ErrorCode code)
      : bytes_(bytes), name_(std::move(name)), code_(code) {}

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }

  template <typename T>
  T read() {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  // The next `count` bytes, without a copy.
  std::span<const std::byte> take(std::uint64_t count) {
    check(count <= remaining(), code_, name_, " is cut off: ", count,
          " bytes are needed at offset ", offset_, ", ", remaining(), " are left");
    const auto part = bytes_.subspan(offset_, count);
    offset_ += count;
    return part;
  }
  // A string behind its 64-bit length.
  std::string read_string() {
    const auto part = take(read<std::uint64_t>());
    return std::string(reinterpret_cast<const char*>(part.data()), part.size());
  }
  // An array behind its 64-bit count.
  template <typename T>
  std::vector<T> read_array() {
    static_assert(std::is_arithmetic_v<T>);
    const auto count = read<std::uint64_t>();
    check(count <= remaining() / sizeof(T), code_, name_, " is cut off: an array of ", count,
          " values at offset ", offset_, " does not fit the ", remaining(), " bytes that are left");
    std::vector<T> values(count);
    const auto part = take(count * sizeof(T));
    if (count != 0) {
      std::memcpy(values.data(), part.data(), part.size());
    }
    return values;
  }
  void expect_end() const {
    check(remaining() == 0, code_, name_, " has ", remaining(), " bytes behind its end");
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  std::string name_;
  ErrorCode code_;
};

// The writing twin of ByteReader.
class ByteWriter {
 public:
  template <typename T>
  void write(T value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    append(&value, sizeof(T));
  }
  void write_string(std::string_view text) {
    write<std::uint64_t>(text.size());
    append(text.data(), text.size());
  }
  template <typename T>
  void write_array(std::span<const T> values) {
    static_assert(std::is_arithmetic_v<T>);
    write<std::uint64_t>(values.size());
    append(values.data(), values.size_bytes());
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void append(const void* from, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), begin, begin + count);
  }

  std::vector<std::byte> bytes_;
};

}  // namespace cogent
