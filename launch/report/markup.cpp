#include "launch/report/markup.hpp"

#include <fmt/format.h>

namespace cogent::launch {

std::string escape_markup(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string show_fixed(std::optional<double> value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

std::string show_digits(std::optional<double> value, int digits) {
  return value ? fmt::format("{:.{}g}", *value, digits) : "-";
}

}  // namespace cogent::launch
