#include "core/text/jinja_lexer.hpp"

#include "core/base/error.hpp"
#include "core/text/utf8.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace cogent::text::jinja {
namespace {

// What Python's str.isspace() accepts.
bool is_space(std::uint32_t c) {
  return is_white_space(c) || (c >= 0x1C && c <= 0x1F);
}

bool is_name_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// One form of line end, and without the last one, as Jinja reads its source.
std::string normalize_lines(std::string_view source) {
  std::string out;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      i += i + 1 < source.size() && source[i + 1] == '\n' ? 1 : 0;
      out += '\n';
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) {
    out.pop_back();
  }
  return out;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const std::size_t last = previous_code_point(text, text.size());
    if (!is_space(code_point_at(text, last).value)) {
      break;
    }
    text = text.substr(0, last);
  }
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_lines(repair_utf8(source))) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const std::size_t tag = find_tag(at_);
      if (tag == std::string::npos) {
        push(TokenKind::kText, source_.substr(at_));
        break;
      }
      const char kind = source_[tag + 1];
      const char sign = sign_at(tag + 2);
      push_text_before(tag, sign, kind);
      advance(tag + 2 + (sign == 0 ? 0 : 1));
      if (kind == '#') {
        skip_comment();
      } else if (kind == '%' && begins_raw()) {
        lex_raw();
      } else {
        lex_tag(kind == '%');
      }
    }
    push(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail(ErrorCode::kModel, "the chat template, line ", line_, ": ", what);
  }

  void push(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void advance(std::size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  std::size_t find_tag(std::size_t from) const {
    for (std::size_t i = source_.find('{', from); i + 1 < source_.size();
         i = source_.find('{', i + 1)) {
      if (i == std::string::npos) {
        break;
      }
      const char next = source_[i + 1];
      if (next == '{' || next == '%' || next == '#') {
        return i;
      }
    }
    return std::string::npos;
  }

  char sign_at(std::size_t i) const {
    return i < source_.size() && (source_[i] == '-' || source_[i] == '+') ? source_[i] : '\0';
  }

  // The text between the last tag and this one, stripped as the tag demands.
  void push_text_before(std::size_t tag, char sign, char kind) {
    std::string_view text = std::string_view(source_).substr(at_, tag - at_);
    if (sign == '-') {
      text = strip_right(text);
    } else if (sign != '+' && kind != '{') {
      const std::size_t line_end = text.rfind('\n');
      const std::size_t line_start = line_end == std::string_view::npos ? 0 : line_end + 1;
      const bool from_line_start = line_start > 0 || line_starting_;
      const std::string_view indent = text.substr(line_start);
      if (from_line_start && strip_right(indent).empty()) {
        text = text.substr(0, line_start);
      }
    }
    if (!text.empty()) {
      push(TokenKind::kText, std::string(text));
    }
  }

  // Behind a tag that ends at `end`: "-" removes white space, a block's plain end one line break.
  void finish_tag(std::size_t end, char sign, bool trims_line) {
    std::size_t to = end;
    if (sign == '-') {
      while (to < source_.size() && is_space(code_point_at(source_, to).value)) {
        to = code_point_at(source_, to).end;
      }
    } else if (sign != '+' && trims_line && to < source_.size() && source_[to] == '\n') {
      ++to;
    }
    advance(to);
    line_starting_ = source_[to - 1] == '\n';
  }

  void skip_comment() {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string::npos) {
      refuse("a comment has no end");
    }
    const char sign = end > at_ ? sign_at(end - 1) : '\0';
    finish_tag(end + 2, sign, true);
  }

  std::size_t skip_spaces(std::size_t i) const {
    while (i < source_.size() && is_space(code_point_at(source_, i).value)) {
      i = code_point_at(source_, i).end;
    }
    return i;
  }

  // Where the tag {% WORD %} ends whose inside begins at `inside`; npos where it is another tag.
  std::size_t end_of_word_tag(std::size_t inside, std::string_view word, char& sign) const {
    std::size_t i = skip_spaces(inside);
    if (source_.compare(i, word.size(), word) != 0) {
      return std::string::npos;
    }
    i = skip_spaces(i + word.size());
    sign = sign_at(i);
    i += sign == 0 ? 0 : 1;
    return source_.compare(i, 2, "%}") == 0 ? i + 2 : std::string::npos;
  }

  bool begins_raw() const {
    char sign = 0;
    return end_of_word_tag(at_, "raw", sign) != std::string::npos;
  }

  void lex_raw() {
    char sign = 0;
    const std::size_t inside = end_of_word_tag(at_, "raw", sign);
    finish_tag(inside, sign, false);
    for (std::size_t i = source_.find("{%", at_); i != std::string::npos;
         i = source_.find("{%", i + 1)) {
      const char before = sign_at(i + 2);
      const std::size_t end = end_of_word_tag(i + 2 + (before == 0 ? 0 : 1), "endraw", sign);
      if (end != std::string::npos) {
        push_text_before(i, before, '%');
        finish_tag(end, sign, true);
        return;
      }
    }
    refuse("a raw block has no end");
  }

  void lex_tag(bool block) {
    push(block ? TokenKind::kBlockBegin : TokenKind::kOutputBegin, "");
    const std::string_view close = block ? "%}" : "}}";
    std::string open;  // brackets that wait for their end
    while (true) {
      advance(skip_spaces(at_));
      if (at_ >= source_.size()) {
        refuse("a tag has no end");
      }
      const char sign = sign_at(at_);
      const bool signed_end = sign != 0 && (block || sign == '-');
      const std::size_t end = at_ + (signed_end ? 1 : 0);
      if (open.empty() && source_.compare(end, 2, close) == 0) {
        push(block ? TokenKind::kBlockEnd : TokenKind::kOutputEnd, "");
        finish_tag(end + 2, signed_end ? sign : '\0', block);
        return;
      }
      lex_token(open);
    }
  }

  void lex_token(std::string& open) {
    const char c = source_[at_];
    if (is_digit(c)) {
      lex_number();
    } else if (is_name_byte(c)) {
      std::size_t end = at_;
      while (end < source_.size() && is_name_byte(source_[end])) {
        ++end;
      }
      push(TokenKind::kName, source_.substr(at_, end - at_));
      advance(end);
    } else if (c == '"' || c == '\'') {
      lex_string(c);
    } else {
      lex_operator(open);
    }
  }

  std::size_t skip_digits(std::size_t i) const {
    while (i < source_.size() && (is_digit(source_[i]) || source_[i] == '_')) {
      ++i;
    }
    return i;
  }

  void lex_number() {
    // Behind a dot it is an index: a.0.b
    const bool index = !tokens_.empty() && tokens_.back().text == "." &&
                       tokens_.back().kind == TokenKind::kOperator;
    std::size_t end = skip_digits(at_);
    TokenKind kind = TokenKind::kInteger;
    if (!index && end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
      kind = TokenKind::kFloat;
      end = skip_digits(end + 1);
    }
    if (!index && end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const std::size_t digits = end + 1 + (sign_at(end + 1) == 0 ? 0 : 1);
      if (digits < source_.size() && is_digit(source_[digits])) {
        kind = TokenKind::kFloat;
        end = skip_digits(digits);
      }
    }
    std::string text = source_.substr(at_, end - at_);
    std::erase(text, '_');
    push(kind, std::move(text));
    advance(end);
  }

  void lex_string(char quote);

  void lex_operator(std::string& open) {
    constexpr std::array<std::string_view, 6> kLong = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kShort = "+-/*%~()[]{}=<>.:|,;";
    std::string_view found;
    for (const std::string_view candidate : kLong) {
      if (source_.compare(at_, 2, candidate) == 0) {
        found = candidate;
      }
    }
    if (found.empty()) {
      const std::size_t position = kShort.find(source_[at_]);
      if (position == std::string_view::npos) {
        refuse("the character " + source_.substr(at_, 1) + " has no meaning in a tag");
      }
      found = kShort.substr(position, 1);
    }
    const char c = found[0];
    if (c == '(' || c == '[' || c == '{') {
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) {
        refuse(std::string("an unexpected ") + c);
      }
      open.pop_back();
    }
    push(TokenKind::kOperator, std::string(found));
    advance(at_ + found.size());
  }

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // does the text behind the last tag begin a line?
  std::vector<Token> tokens_;
};

// The value of so many hexadecimal digits behind an escape; false where they are not there.
bool read_hex(std::string_view digits, std::size_t count, std::uint32_t& value) {
  if (digits.size() < count) {
    return false;
  }
  value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = digits[i];
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) {
      return false;
    }
    value = value * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
  }
  return true;
}

// The text of Python's escapes.
std::string unescape(std::string_view text) {
  constexpr std::string_view kNames = "ntrabfv\\'\"\n";
  constexpr std::array<std::string_view, 11> kValues = {"\n", "\t", "\r", "\a", "\b", "\f",
                                                        "\v", "\\", "'",  "\"", ""};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char name = text[++i];
    const std::size_t known = kNames.find(name);
    const std::size_t digits = name == 'x' ? 2 : name == 'u' ? 4 : name == 'U' ? 8 : 0;
    std::uint32_t value = 0;
    if (known != std::string_view::npos) {
      out += kValues[known];
    } else if (digits != 0 && read_hex(text.substr(i + 1), digits, value)) {
      const bool scalar = value < 0xD800 || (value > 0xDFFF && value < 0x110000);
      append_utf8(out, scalar ? value : 0xFFFD);
      i += digits;
    } else {
      out += '\\';
      out += name;
    }
  }
  return out;
}

void Lexer::lex_string(char quote) {
  std::size_t end = at_ + 1;
  while (end < source_.size() && source_[end] != quote) {
    end += source_[end] == '\\' ? 2 : 1;
  }
  if (end >= source_.size()) {
    refuse("a string has no end");
  }
  push(TokenKind::kString, unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
  advance(end + 1);
}

}  // namespace

std::vector<Token> tokenize_template(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace cogent::text::jinja
