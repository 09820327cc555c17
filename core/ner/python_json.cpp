#include "core/ner/python_json.hpp"

#include "core/ner/unicode.hpp"

#include <cstdint>
#include <unordered_map>
#include <utility>

namespace cogent::ner {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A recursive-descent reader over repaired text. Every parse_* returns false where the text is not
// JSON; error_ then says why.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  PythonJsonResult run() {
    PythonJson value;
    if (parse_document(value)) {
      return {std::move(value), "", line_};
    }
    return {std::nullopt, error_, line_};
  }

 private:
  bool parse_document(PythonJson& value) {
    if (text_.starts_with(kByteOrderMark)) {
      return failed("a byte-order mark stands in front");
    }
    skip_space();
    if (!parse_value(value)) {
      return false;
    }
    skip_space();
    return at_ == text_.size() || failed("text stands behind the value");
  }

  bool failed(const char* reason) {
    error_ = reason;
    return false;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) {
      return false;
    }
    at_ += word.size();
    return true;
  }
  // Line ends stand only here: in strings they are errors.
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      line_ += text_[at_] == '\n' ? 1 : 0;
      ++at_;
    }
  }

  bool parse_value(PythonJson& value) {
    value.line = line_;
    switch (peek()) {
      case '"':
        value.kind = JsonKind::kString;
        return parse_string(value.text);
      case '{':
        value.kind = JsonKind::kObject;
        return parse_nested(value, &Parser::parse_object);
      case '[':
        value.kind = JsonKind::kArray;
        return parse_nested(value, &Parser::parse_array);
      default:
        return parse_word(value) || parse_number(value) || failed("a value is missing");
    }
  }

  bool parse_word(PythonJson& value) {
    constexpr std::pair<std::string_view, JsonKind> kWords[] = {
        {"null", JsonKind::kNull},       {"true", JsonKind::kBoolean},
        {"false", JsonKind::kBoolean},   {"NaN", JsonKind::kNumber},
        {"Infinity", JsonKind::kNumber}, {"-Infinity", JsonKind::kNumber},
    };
    for (const auto& [word, kind] : kWords) {
      if (take(word)) {
        value.kind = kind;
        value.text = word;
        return true;
      }
    }
    return false;
  }

  std::size_t skip_digits(std::size_t at) const {
    while (at < text_.size() && is_digit(text_[at])) {
      ++at;
    }
    return at;
  }

  // -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?, the longest match; what follows is not its
  // concern.
  bool parse_number(PythonJson& value) {
    const std::size_t begin = at_;
    const std::size_t first = peek() == '-' ? begin + 1 : begin;
    if (first >= text_.size() || !is_digit(text_[first])) {
      return false;
    }
    std::size_t end = text_[first] == '0' ? first + 1 : skip_digits(first);
    const std::size_t integer_end = end;
    if (end < text_.size() && text_[end] == '.') {
      const std::size_t behind = skip_digits(end + 1);
      end = behind > end + 1 ? behind : end;
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      std::size_t power = end + 1;
      if (power < text_.size() && (text_[power] == '-' || text_[power] == '+')) {
        ++power;
      }
      const std::size_t behind = skip_digits(power);
      end = behind > power ? behind : end;
    }
    if (end == integer_end && integer_end - first > kMaxIntegerDigits) {
      return false;
    }
    value.kind = JsonKind::kNumber;
    value.text = text_.substr(begin, end - begin);
    at_ = end;
    return true;
  }

  bool parse_hex(char32_t& unit) {
    unit = 0;
    if (text_.size() - at_ < 4) {
      return failed("a \\u escape is cut off");
    }
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) {
        return failed("a \\u escape needs four hexadecimal digits");
      }
      unit = unit << 4 | static_cast<char32_t>(digit);
    }
    return true;
  }

  // Behind "\u". Two escapes that make a surrogate pair are one code point.
  bool parse_unicode_escape(std::string& out) {
    char32_t unit;
    if (!parse_hex(unit)) {
      return false;
    }
    const std::size_t behind_first = at_;
    if (unit >= 0xD800 && unit < 0xDC00 && take("\\u")) {
      char32_t low;
      if (!parse_hex(low)) {
        return false;
      }
      if (low >= 0xDC00 && low < 0xE000) {
        append_utf8(out, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
        return true;
      }
      at_ = behind_first;
    }
    append_utf8(out, unit);
    return true;
  }

  bool parse_escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (take("u")) {
      return parse_unicode_escape(out);
    }
    const std::size_t which = at_ < text_.size() ? kNames.find(text_[at_]) : kNames.npos;
    if (which == kNames.npos) {
      return failed("an escape in a string is unknown");
    }
    ++at_;
    out += kMeanings[which];
    return true;
  }

  bool parse_string(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) {
        return failed("a control character stands in a string");
      }
      ++at_;
      if (c == '"') {
        return true;
      }
      if (c != '\\') {
        out += c;
      } else if (!parse_escape(out)) {
        return false;
      }
    }
    return failed("a string has no end");
  }

  bool parse_nested(PythonJson& value, bool (Parser::*parse)(PythonJson&)) {
    if (depth_ == kMaxJsonDepth) {
      return failed("arrays and objects are nested too deep");
    }
    ++depth_;
    ++at_;
    skip_space();
    const bool good = (this->*parse)(value);
    --depth_;
    return good;
  }

  // Behind a member: true where another one must follow; `closed` where the container ends.
  bool parse_separator(char end, bool& closed) {
    skip_space();
    const char c = peek();
    if (at_ == text_.size() || (c != end && c != ',')) {
      return failed(end == '}' ? "an object has no end" : "an array has no end");
    }
    ++at_;
    closed = c == end;
    if (!closed) {
      skip_space();
    }
    return true;
  }

  bool parse_array(PythonJson& value) {
    if (take("]")) {
      return true;
    }
    bool closed = false;
    while (!closed) {
      if (!parse_value(value.items.emplace_back()) || !parse_separator(']', closed)) {
        return false;
      }
    }
    return true;
  }

  bool parse_object(PythonJson& value) {
    if (take("}")) {
      return true;
    }
    std::unordered_map<std::string, std::size_t> places;
    bool closed = false;
    while (!closed) {
      std::string key;
      if (peek() != '"') {
        return failed("a key in double quotes is missing");
      }
      if (!parse_string(key)) {
        return false;
      }
      skip_space();
      if (!take(":")) {
        return failed("a colon behind a key is missing");
      }
      skip_space();
      PythonJson member;
      if (!parse_value(member) || !parse_separator('}', closed)) {
        return false;
      }
      const auto [place, is_first] = places.emplace(key, value.members.size());
      if (is_first) {
        value.members.push_back({std::move(key), std::move(member)});
      } else {
        value.members[place->second].value = std::move(member);
      }
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  int depth_ = 0;
  std::string error_;
};

}  // namespace

const PythonJson* PythonJson::find(std::string_view key) const {
  for (const PythonJsonMember& member : members) {
    if (member.key == key) {
      return &member.value;
    }
  }
  return nullptr;
}

PythonJsonResult parse_python_json(std::string_view bytes) {
  const std::string text = repair_utf8(bytes);
  return Parser(text).run();
}

std::string dump_python_string(std::string_view text) {
  constexpr std::string_view kNames = "\"\\bfnrt";
  constexpr std::string_view kMeanings = "\"\\\b\f\n\r\t";
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const std::size_t which = kMeanings.find(c);
    if (which != kMeanings.npos) {
      out += '\\';
      out += kNames[which];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace cogent::ner
