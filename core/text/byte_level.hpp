#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace cogent::text {

// GPT-2's spelling of bytes: every byte is a printable character (space is U+0120, newline U+010A),
// so that tokens of any bytes are text. All 256 characters are below this code point.
constexpr std::uint32_t kByteLevelEnd = 324;

// The character of each byte.
const std::array<std::uint32_t, 256>& byte_level_characters();

// The bytes in byte-level spelling.
std::string to_byte_level(std::string_view bytes);
// The bytes that a token of valid UTF-8 spells; a token with a character outside the spelling
// stands for its own bytes.
std::string from_byte_level(std::string_view token);

}  // namespace cogent::text
