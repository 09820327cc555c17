#include "core/text/byte_level.hpp"

#include "core/text/utf8.hpp"

namespace cogent::text {
namespace {

constexpr bool is_printable(std::uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<std::uint32_t, 256> make_characters() {
  std::array<std::uint32_t, 256> characters{};
  std::uint32_t next = 256;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    characters[byte] = is_printable(byte) ? byte : next++;
  }
  return characters;
}

constexpr std::array<std::uint32_t, 256> kCharacters = make_characters();

// The byte of each character, -1 where it is no byte's.
constexpr std::array<int, kByteLevelEnd> make_bytes() {
  std::array<int, kByteLevelEnd> bytes{};
  bytes.fill(-1);
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    bytes[kCharacters[byte]] = static_cast<int>(byte);
  }
  return bytes;
}

constexpr std::array<int, kByteLevelEnd> kBytes = make_bytes();

}  // namespace

const std::array<std::uint32_t, 256>& byte_level_characters() {
  return kCharacters;
}

std::string to_byte_level(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  for (const char byte : bytes) {
    append_utf8(out, kCharacters[static_cast<unsigned char>(byte)]);
  }
  return out;
}

std::string from_byte_level(std::string_view token) {
  std::string out;
  for (std::size_t offset = 0; offset < token.size();) {
    const CodePoint point = code_point_at(token, offset);
    if (point.value >= kByteLevelEnd || kBytes[point.value] < 0) {
      return std::string(token);
    }
    out += static_cast<char>(kBytes[point.value]);
    offset = point.end;
  }
  return out;
}

}  // namespace cogent::text
