#include "core/model/weights/ggml_types.hpp"

#include "core/base/bytes.hpp"
#include "core/model/weights/number_formats.hpp"

#include <array>
#include <cstring>

namespace cogent::model {
namespace {

constexpr std::size_t kBlockValues = 32;

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void read_f32(std::span<const std::byte> blocks, std::span<float> out) {
  if (!out.empty()) {
    std::memcpy(out.data(), blocks.data(), out.size_bytes());
  }
}

void read_f16(std::span<const std::byte> blocks, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = half_to_float(load<std::uint16_t>(&blocks[2 * i]));
  }
}

void read_bf16(std::span<const std::byte> blocks, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = bfloat16_to_float(load<std::uint16_t>(&blocks[2 * i]));
  }
}

// A block of Q8_0: scale (half), 32 signed bytes.
void read_q8_0(std::span<const std::byte> blocks, std::span<float> out) {
  for (std::size_t block = 0; block < out.size() / kBlockValues; ++block) {
    const std::byte* from = &blocks[block * 34];
    float* to = &out[block * kBlockValues];
    const float scale = half_to_float(load<std::uint16_t>(from));
    for (std::size_t i = 0; i < kBlockValues; ++i) {
      to[i] = static_cast<float>(load<std::int8_t>(from + 2 + i)) * scale;
    }
  }
}

// A 4-bit block's 16 bytes: the low halves are values 0 to 15, the high halves 16 to 31.
template <typename ToFloat>
void unpack_nibbles(const std::byte* from, float* to, ToFloat to_float) {
  for (std::size_t i = 0; i < kBlockValues / 2; ++i) {
    const auto pair = std::to_integer<int>(from[i]);
    to[i] = to_float(pair & 15);
    to[i + kBlockValues / 2] = to_float(pair >> 4);
  }
}

// A block of Q4_0: scale (half), 32 four-bit values around 8.
void read_q4_0(std::span<const std::byte> blocks, std::span<float> out) {
  for (std::size_t block = 0; block < out.size() / kBlockValues; ++block) {
    const std::byte* from = &blocks[block * 18];
    const float scale = half_to_float(load<std::uint16_t>(from));
    unpack_nibbles(from + 2, &out[block * kBlockValues],
                   [&](int value) { return static_cast<float>(value - 8) * scale; });
  }
}

// A block of Q4_1: scale and minimum (halves), 32 four-bit values.
void read_q4_1(std::span<const std::byte> blocks, std::span<float> out) {
  for (std::size_t block = 0; block < out.size() / kBlockValues; ++block) {
    const std::byte* from = &blocks[block * 20];
    const float scale = half_to_float(load<std::uint16_t>(from));
    const float minimum = half_to_float(load<std::uint16_t>(from + 2));
    unpack_nibbles(from + 4, &out[block * kBlockValues],
                   [&](int value) { return static_cast<float>(value) * scale + minimum; });
  }
}

constexpr GgmlFormat kF32{"F32", 1, 4, read_f32};
constexpr GgmlFormat kF16{"F16", 1, 2, read_f16};
constexpr GgmlFormat kBf16{"BF16", 1, 2, read_bf16};
constexpr GgmlFormat kQ4_0{"Q4_0", kBlockValues, 18, read_q4_0};
constexpr GgmlFormat kQ4_1{"Q4_1", kBlockValues, 20, read_q4_1};
constexpr GgmlFormat kQ8_0{"Q8_0", kBlockValues, 34, read_q8_0};

}  // namespace

const GgmlFormat* find_ggml_format(std::uint32_t type) {
  switch (type) {
    case 0:
      return &kF32;
    case 1:
      return &kF16;
    case 2:
      return &kQ4_0;
    case 3:
      return &kQ4_1;
    case 8:
      return &kQ8_0;
    case 30:
      return &kBf16;
    default:
      return nullptr;
  }
}

std::string ggml_type_name(std::uint32_t type) {
  // By number; empty where ggml has given a number up.
  constexpr std::array<const char*, 31> kNames = {
      "F32",     "F16",    "Q4_0",    "Q4_1",  "",       "",      "Q5_0",  "Q5_1",
      "Q8_0",    "Q8_1",   "Q2_K",    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",  "Q8_K",
      "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
      "I8",      "I16",    "I32",     "I64",   "F64",    "IQ1_M", "BF16"};
  const bool known = type < kNames.size() && kNames[type][0] != '\0';
  return known ? kNames[type] : "number " + std::to_string(type);
}

}  // namespace cogent::model
