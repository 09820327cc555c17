#pragma once

#include <string>
#include <string_view>

namespace cogent::ner {

// Text as Python's str sees it: a row of code points, in which a lone surrogate may stand (JSON
// escapes can write one). In a std::string such text is "generalised UTF-8": UTF-8 in which a lone
// surrogate has its three-byte form. All functions are total.

// Bytes from outside as valid UTF-8: every maximal part that is not UTF-8 becomes one U+FFFD, as
// bytes.decode("utf-8", "replace") does it. Surrogates in three-byte form are not UTF-8.
std::string repair_utf8(std::string_view bytes);

// Code points of generalised UTF-8; what is not that becomes U+FFFD.
std::u32string code_points(std::string_view text);
// The way back.
std::string to_utf8(std::u32string_view text);
void append_utf8(std::string& out, char32_t point);

// str.isspace of one code point.
bool is_space(char32_t point);
// Whether `\w` of a Python regular expression matches: letters, numbers and the underscore.
bool is_word(char32_t point);
// str.lower: full mappings, and a capital sigma at the end of a word becomes the final one.
std::u32string lower(std::u32string_view text);
// str.strip without an argument.
std::u32string_view strip(std::u32string_view text);

// The same two on generalised UTF-8.
std::string lower(std::string_view text);
std::string strip(std::string_view text);

}  // namespace cogent::ner
