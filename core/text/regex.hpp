#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::text {

// A piece of a text: [begin, end) in bytes.
struct Match {
  std::size_t begin;
  std::size_t end;
};

// A regular expression with the meaning that `tokenizers` gives it (Oniguruma, Ruby syntax, Unicode
// 16), on PCRE2. Immutable and safe to share by threads. Errors of kModel name the expression.
class Regex {
 public:
  explicit Regex(const std::string& pattern);
  // Matches the text itself.
  static Regex literal(std::string_view text);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // All matches in valid UTF-8, from left to right, none inside another.
  std::vector<Match> find_all(std::string_view text) const;

 private:
  struct Code;
  Regex(const std::string& pattern, std::string translated);

  std::string pattern_;
  std::unique_ptr<Code> code_;
};

// The expression in PCRE2's syntax with Oniguruma's meaning of \s, \w, \d, \h and \p{..}. Throws
// kModel for syntax that has no counterpart here (set intersections and nested sets).
std::string translate_regex(const std::string& pattern);

}  // namespace cogent::text
