#include "core/text/regex.hpp"

#include "core/base/error.hpp"
#include "core/text/utf8.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstdint>

namespace cogent::text {
namespace {

constexpr std::uint32_t kMatchLimit = 10'000'000;

std::string error_text(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct CompileContextDeleter {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

}  // namespace

struct Regex::Code {
  explicit Code(pcre2_code* compiled)
      : code(compiled), limits(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(limits.get(), kMatchLimit);
  }
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  pcre2_code* code;
  std::unique_ptr<pcre2_match_context, MatchContextDeleter> limits;
};

Regex::Regex(const std::string& pattern) : Regex(pattern, translate_regex(pattern)) {}

Regex Regex::literal(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) {
      quoted += '\\';
    }
    quoted += c;
  }
  return Regex(std::string(text), std::move(quoted));
}

Regex::Regex(const std::string& pattern, std::string translated) : pattern_(pattern) {
  const std::unique_ptr<pcre2_compile_context, CompileContextDeleter> context(
      pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 100);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // MULTILINE: ^ and $ are borders of lines in Ruby's syntax.
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, context.get());
  check(code != nullptr, ErrorCode::kModel, "the regular expression ", pattern_,
        " is not understood: ", error_text(error), " at byte ", offset, " of its translation ",
        translated);
  code_ = std::make_unique<Code>(code);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // only for speed
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::vector<Match> Regex::find_all(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, MatchDataDeleter> data(
      pcre2_match_data_create_from_pattern(code_->code, nullptr));
  const auto match_at = [&](std::size_t from, std::uint32_t options) {
    return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                       PCRE2_NO_UTF_CHECK | options, data.get(), code_->limits.get());
  };
  std::vector<Match> matches;
  for (std::size_t from = 0; from <= text.size();) {
    int count = match_at(from, 0);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) {
      count = match_at(from, PCRE2_NO_JIT);
    }
    if (count == PCRE2_ERROR_NOMATCH) {
      break;
    }
    check(count >= 0, ErrorCode::kModel, "the regular expression ", pattern_,
          " fails on a text of ", text.size(), " bytes: ", error_text(count));
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data.get());
    const Match match{offsets[0], offsets[1]};
    check(match.begin >= from && match.begin <= match.end, ErrorCode::kModel,
          "the regular expression ", pattern_, " moves the borders of its match");
    if (match.end > match.begin) {
      matches.push_back(match);
      from = match.end;
      continue;
    }
    // An empty match counts, except where the match before it ends; the search goes on one
    // character further.
    if (matches.empty() || matches.back().end != match.end) {
      matches.push_back(match);
    }
    from = match.end < text.size() ? code_point_at(text, match.end).end : text.size() + 1;
  }
  return matches;
}

}  // namespace cogent::text
