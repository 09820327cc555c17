#include "core/text/jinja_evaluator.hpp"
#include "core/text/utf8.hpp"

#include <unicode/locid.h>
#include <unicode/unistr.h>

namespace cogent::text::jinja {
namespace {

// str.isspace(): Unicode's white space and four separators of ASCII.
bool is_space(std::uint32_t c) {
  return is_white_space(c) || (c >= 0x1C && c <= 0x1F);
}

bool is_stripped(std::string_view character, const std::string* characters) {
  if (characters == nullptr) {
    return is_space(code_point_at(character, 0).value);
  }
  return characters->find(character) != std::string::npos;
}

std::string converted(const std::string& text, bool upper) {
  icu::UnicodeString wide = icu::UnicodeString::fromUTF8(text);
  if (upper) {
    wide.toUpper(icu::Locale::getRoot());
  } else {
    wide.toLower(icu::Locale::getRoot());
  }
  std::string out;
  wide.toUTF8String(out);
  return out;
}

}  // namespace

std::string strip(const std::string& text, Side side, const std::string* characters) {
  std::string_view rest = text;
  while (side != Side::kRight && !rest.empty()) {
    const std::size_t end = code_point_at(rest, 0).end;
    if (!is_stripped(rest.substr(0, end), characters)) {
      break;
    }
    rest.remove_prefix(end);
  }
  while (side != Side::kLeft && !rest.empty()) {
    const std::size_t begin = previous_code_point(rest, rest.size());
    if (!is_stripped(rest.substr(begin), characters)) {
      break;
    }
    rest = rest.substr(0, begin);
  }
  return std::string(rest);
}

std::string replace(const std::string& text, const std::string& from, const std::string& to,
                    std::int64_t count) {
  std::string out;
  std::size_t done = 0;
  while (count != 0) {
    const std::size_t found = text.find(from, done);
    if (found == std::string::npos || (from.empty() && found >= text.size())) {
      break;
    }
    out.append(text, done, found - done);
    out += to;
    done = found + from.size();
    --count;
    if (from.empty()) {  // before every character
      const std::size_t end = code_point_at(text, done).end;
      out.append(text, done, end - done);
      done = end;
    }
  }
  out.append(text, done);
  return from.empty() && count != 0 ? out + to : out;
}

std::string change_case(const std::string& text, std::string_view how) {
  if (how == "upper" || how == "lower") {
    return converted(text, how == "upper");
  }
  std::string out;
  bool begins_word = true;
  for (std::size_t offset = 0; offset < text.size();) {
    const std::size_t end = code_point_at(text, offset).end;
    const std::string character = text.substr(offset, end - offset);
    const bool letter = converted(character, true) != converted(character, false);
    out += converted(character, begins_word);
    begins_word = how == "title" && !letter;
    offset = end;
  }
  return out;
}

}  // namespace cogent::text::jinja
