#include "core/config/schema.hpp"

#include <array>
#include <charconv>
#include <type_traits>

namespace cogent {
namespace {

// A double-quoted YAML scalar: control bytes as escapes, all else as it stands.
std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string text_of(bool value) {
  return value ? "true" : "false";
}
std::string text_of(const std::string& value) {
  return quoted(value);
}
// Numbers: the shortest text that reads back to the same value.
template <typename T>
requires std::is_arithmetic_v<T> std::string text_of(T value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return std::string(text.data(), end);
}
template <typename T>
std::string text_of(const std::vector<T>& values) {
  std::string out = "[";
  for (const T& value : values) {
    out += (out.size() > 1 ? ", " : "") + text_of(value);
  }
  return out + "]";
}

struct ValueText {
  const RunConfig& config;

  std::string operator()(const Choice& choice) const {
    return std::string(choice.words[choice.read(config)]);
  }
  template <typename T>
  std::string operator()(const Slot<T>& slot) const {
    return text_of(slot.read(config));
  }
};

struct KindText {
  std::string operator()(const Slot<bool>&) const { return "true or false"; }
  std::string operator()(const Slot<int>&) const { return "an integer"; }
  std::string operator()(const Slot<std::int64_t>&) const { return "an integer"; }
  std::string operator()(const Slot<std::uint64_t>&) const { return "an integer"; }
  std::string operator()(const Slot<double>&) const { return "a number"; }
  std::string operator()(const Slot<std::string>&) const { return "a text"; }
  std::string operator()(const Slot<std::vector<std::string>>&) const {
    return "a text or a list of texts";
  }
  std::string operator()(const Slot<std::vector<double>>&) const { return "a list of numbers"; }
  std::string operator()(const Choice& choice) const {
    std::string out = "one of ";
    for (const std::string_view word : choice.words) {
      out += (word == choice.words.front() ? "" : " | ") + std::string(word);
    }
    return out;
  }
};

}  // namespace

std::string kind_text(const Key& key) {
  return std::visit(KindText(), key.field);
}

std::string range_text(const Range& range) {
  const bool has_min = range.min > Range::kLowest;
  const bool has_max = range.max < Range::kHighest;
  if (has_min && has_max) {
    return "from " + text_of(range.min) + " to " + text_of(range.max);
  }
  if (has_min) {
    return "at least " + text_of(range.min);
  }
  return has_max ? "at most " + text_of(range.max) : "";
}

std::string value_text(const Key& key, const RunConfig& config) {
  return std::visit(ValueText{config}, key.field);
}

}  // namespace cogent
