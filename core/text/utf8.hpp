#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::text {

// The text with every maximal invalid part of UTF-8 replaced by U+FFFD, as Rust's from_utf8_lossy
// and Python's errors="replace" do.
std::string repair_utf8(std::string_view text);

// A code point of valid UTF-8 and where it ends.
struct CodePoint {
  std::uint32_t value;
  std::size_t end;  // offset behind it
};
// The code point at `offset` < text.size(). The text must be valid UTF-8.
CodePoint code_point_at(std::string_view text, std::size_t offset);
// The offset at which the code point that ends at `end` > 0 begins. The text must be valid UTF-8.
std::size_t previous_code_point(std::string_view text, std::size_t end);

void append_utf8(std::string& out, std::uint32_t code_point);

// The offsets at which the code points of valid UTF-8 begin, with the size behind the last one.
std::vector<std::size_t> code_point_offsets(std::string_view text);

// White space by Unicode's property (Rust's char::is_whitespace).
bool is_white_space(std::uint32_t code_point);

}  // namespace cogent::text
