#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace cogent::text {

// A run of code points, both ends included, of one general category.
struct CategoryRun {
  std::string_view category;  // two letters
  std::uint32_t low;
  std::uint32_t high;
};

// What Unicode 15 and 16 added to the categories of letters, marks, numbers, punctuation and
// symbols. PCRE2's tables are of Unicode 14, those of the `tokenizers` package of Unicode 16.
std::span<const CategoryRun> added_after_unicode_14();

// Is it a number (any N category) in the Unicode version of `tokenizers`?
bool is_numeric(std::uint32_t code_point);
// Its simple lower case in the Unicode version of `tokenizers`, or itself.
std::uint32_t lower_case(std::uint32_t code_point);

}  // namespace cogent::text
