#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cogent::launch {

// Text as HTML or SVG content, or as an attribute in double quotes.
std::string escape_markup(std::string_view text);

// A value with this many decimals; a dash where there is none.
std::string show_fixed(std::optional<double> value, int decimals);
// A value with this many significant digits; a dash where there is none.
std::string show_digits(std::optional<double> value, int digits);

}  // namespace cogent::launch
