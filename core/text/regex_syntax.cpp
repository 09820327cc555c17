#include "core/base/error.hpp"
#include "core/text/regex.hpp"
#include "core/text/unicode_delta.hpp"

#include <cctype>
#include <cstdio>
#include <string_view>

namespace cogent::text {
namespace {

// White space of Unicode. PCRE2's \s has U+180E too, an earlier version's.
constexpr std::string_view kWhiteSpace =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// What later versions of Unicode added to the categories that begin with these letters.
std::string added_to(std::string_view category) {
  std::string ranges;
  for (const CategoryRun& run : added_after_unicode_14()) {
    if (run.category.starts_with(category)) {
      char range[32];
      std::snprintf(range, sizeof(range), "\\x{%x}-\\x{%x}", run.low, run.high);
      ranges += range;
    }
  }
  return ranges;
}

bool is_extended_category(std::string_view name) {
  return (name.size() == 1 || name.size() == 2) &&
         std::string_view("LMNPS").find(name[0]) != std::string_view::npos &&
         (name.size() == 1 || std::islower(static_cast<unsigned char>(name[1])) != 0);
}

// One pass over the expression. Inside of brackets a class is spliced in as ranges, outside it gets
// brackets of its own.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        translate_escape();
      } else if (set_open_ && c == ']' && at_ > set_first_) {
        copy(1);
        set_open_ = false;
      } else if (set_open_) {
        translate_in_set();
      } else if (c == '[') {
        open_set();
      } else {
        copy(1);
      }
    }
    return std::move(out_);
  }

 private:
  void copy(std::size_t count) {
    out_ += pattern_.substr(at_, count);
    at_ += count;
  }

  [[noreturn]] void refuse(std::string_view what) const {
    fail(ErrorCode::kModel, "the regular expression ", pattern_, " uses ", what, " at byte ", at_,
         ", which is not supported");
  }

  void open_set() {
    set_open_ = true;
    copy(1);
    if (at_ < pattern_.size() && pattern_[at_] == '^') {
      copy(1);
    }
    set_first_ = at_;
  }

  void translate_in_set() {
    const std::string_view rest = pattern_.substr(at_);
    if (rest.starts_with("[:")) {
      const std::size_t end = rest.find(":]");
      if (end == std::string_view::npos) {
        refuse("a named set without its end");
      }
      copy(end + 2);
      return;
    }
    if (rest.starts_with("[")) {
      refuse("a set inside of a set");
    }
    if (rest.starts_with("&&")) {
      refuse("an intersection of sets");
    }
    copy(1);
  }

  // A positive class of these ranges.
  void put(const std::string& ranges) { out_ += set_open_ ? ranges : "[" + ranges + "]"; }

  // The complement. Inside of brackets PCRE2's own negated class stands, with a repair.
  void put_negated(const std::string& ranges, std::string_view in_set) {
    out_ += set_open_ ? std::string(in_set) : "[^" + ranges + "]";
  }

  void translate_escape() {
    if (at_ + 1 >= pattern_.size()) {
      refuse("a backslash at the end");
    }
    const char c = pattern_[at_ + 1];
    if (c == 'p' || c == 'P') {
      translate_property(c == 'P');
      return;
    }
    if (c == 'u') {
      translate_code_point();
      return;
    }
    // Oniguruma counts the superscript digits and fractions of Latin-1 as word characters.
    const std::string word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})" +
                             added_to("L") + added_to("M") + added_to("Nd") + added_to("Pc");
    switch (c) {
      case 's':
        put(std::string(kWhiteSpace));
        break;
      case 'S':
        put_negated(std::string(kWhiteSpace), R"(\S\x{180e})");
        break;
      case 'd':
        put(R"(\p{Nd})" + added_to("Nd"));
        break;
      case 'D':
        put_negated(R"(\p{Nd})" + added_to("Nd"), R"(\P{Nd})");
        break;
      case 'w':
        put(word);
        break;
      case 'W':
        if (set_open_) {
          refuse("\\W inside of a set");
        }
        put_negated(word, "");
        break;
      case 'h':
        put("0-9a-fA-F");
        break;
      case 'H':
        if (set_open_) {
          refuse("\\H inside of a set");
        }
        put_negated("0-9a-fA-F", "");
        break;
      default:
        copy(2);
        return;
    }
    at_ += 2;
  }

  void translate_property(bool negated) {
    std::size_t end = at_ + 3;
    std::string_view name = pattern_.substr(at_ + 2, 1);
    if (name == "{") {
      const std::size_t close = pattern_.find('}', at_);
      if (close == std::string_view::npos) {
        refuse("a property without its end");
      }
      name = pattern_.substr(at_ + 3, close - at_ - 3);
      end = close + 1;
    }
    if (name.starts_with("^")) {
      negated = !negated;
      name.remove_prefix(1);
    }
    const std::string braced = "{" + std::string(name) + "}";
    if (!is_extended_category(name)) {
      out_ += (negated ? "\\P" : "\\p") + braced;
    } else if (negated) {
      put_negated("\\p" + braced + added_to(name), "\\P" + braced);
    } else {
      put("\\p" + braced + added_to(name));
    }
    at_ = end;
  }

  // \uHHHH
  void translate_code_point() {
    const std::string_view digits = pattern_.substr(at_ + 2, 4);
    if (digits.size() != 4 ||
        digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      refuse("\\u without four hexadecimal digits");
    }
    out_ += "\\x{" + std::string(digits) + "}";
    at_ += 6;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool set_open_ = false;
  std::size_t set_first_ = 0;  // where a closing bracket would be an ordinary character
  std::string out_;
};

}  // namespace

std::string translate_regex(const std::string& pattern) {
  return Translator(pattern).run();
}

}  // namespace cogent::text
