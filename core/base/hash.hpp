#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cogent {

// XXH3-64 of bytes, seed 0.
std::uint64_t xxh3(std::span<const std::byte> bytes);
std::uint64_t xxh3(std::string_view text);
// Sixteen lower-case hexadecimal digits.
std::string hex64(std::uint64_t value);

// XXH3-64 of a stream of parts: equal to xxh3 of the parts in a row.
class StreamHash {
 public:
  StreamHash();
  ~StreamHash();
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;
  void update(std::span<const std::byte> bytes);
  std::uint64_t digest() const;

 private:
  void* state_;
};

}  // namespace cogent
