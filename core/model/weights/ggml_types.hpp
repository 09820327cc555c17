#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cogent::model {

// How ggml stores a tensor: blocks of `block_values` values in `block_bytes` bytes.
struct GgmlFormat {
  const char* name;
  std::uint64_t block_values;
  std::uint64_t block_bytes;
  void (*to_float)(std::span<const std::byte> blocks, std::span<float> out);
};

// F32, F16, BF16, Q8_0, Q4_0 and Q4_1; a null pointer for any other type.
const GgmlFormat* find_ggml_format(std::uint32_t type);
// The name of a ggml type, also of those that are not supported.
std::string ggml_type_name(std::uint32_t type);

}  // namespace cogent::model
