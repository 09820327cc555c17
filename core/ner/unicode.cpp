#include "core/ner/unicode.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstdint>

namespace cogent::ner {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kSmallSigma = 0x3C3;
constexpr char32_t kFinalSigma = 0x3C2;
constexpr char32_t kCapitalDottedI = 0x130;  // The one letter whose lower case is two code points.
constexpr char32_t kCombiningDot = 0x307;

UChar32 icu(char32_t point) {
  return static_cast<UChar32>(point);
}
bool is_cased(char32_t point) {
  return u_hasBinaryProperty(icu(point), UCHAR_CASED) != 0;
}
bool is_case_ignorable(char32_t point) {
  return u_hasBinaryProperty(icu(point), UCHAR_CASE_IGNORABLE) != 0;
}

// The condition Final_Sigma of the Unicode standard: a cased letter stands before and none behind,
// where case-ignorable code points are looked through.
bool is_final_sigma(std::u32string_view text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_case_ignorable(text[before - 1])) {
    --before;
  }
  if (before == 0 || !is_cased(text[before - 1])) {
    return false;
  }
  std::size_t behind = at + 1;
  while (behind < text.size() && is_case_ignorable(text[behind])) {
    ++behind;
  }
  return behind == text.size() || !is_cased(text[behind]);
}

// Whether a surrogate in three-byte form stands at `at`.
bool is_surrogate_form(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  return at + 2 < text.size() && byte(at) == 0xED && (byte(at + 1) & 0xE0) == 0xA0 &&
         (byte(at + 2) & 0xC0) == 0x80;
}

// The code point at `at`, which moves behind it; kReplacement for a part that is not UTF-8.
char32_t next_point(std::string_view text, std::size_t& at) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  UChar32 point;
  U8_NEXT(bytes, at, text.size(), point);
  return point < 0 ? kReplacement : static_cast<char32_t>(point);
}

}  // namespace

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | (point >> 6));
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

std::string repair_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    append_utf8(text, next_point(bytes, at));
  }
  return text;
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (is_surrogate_form(text, at)) {
      const auto bits = [&](std::size_t i) { return static_cast<char32_t>(text[i]) & 0x3F; };
      points += 0xD000 | (bits(at + 1) << 6) | bits(at + 2);
      at += 3;
    } else {
      points += next_point(text, at);
    }
  }
  return points;
}

std::string to_utf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t point : text) {
    append_utf8(bytes, point);
  }
  return bytes;
}

bool is_space(char32_t point) {
  return (point >= 0x09 && point <= 0x0D) || (point >= 0x1C && point <= 0x20) || point == 0x85 ||
         point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A) ||
         point == 0x2028 || point == 0x2029 || point == 0x202F || point == 0x205F ||
         point == 0x3000;
}

bool is_word(char32_t point) {
  constexpr std::uint32_t kLettersAndNumbers = U_GC_L_MASK | U_GC_N_MASK;
  return point == U'_' || (U_GET_GC_MASK(icu(point)) & kLettersAndNumbers) != 0;
}

std::u32string lower(std::u32string_view text) {
  std::u32string lowered;
  lowered.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == kCapitalSigma) {
      lowered += is_final_sigma(text, i) ? kFinalSigma : kSmallSigma;
    } else if (text[i] == kCapitalDottedI) {
      lowered += U'i';
      lowered += kCombiningDot;
    } else {
      lowered += static_cast<char32_t>(u_tolower(icu(text[i])));
    }
  }
  return lowered;
}

std::u32string_view strip(std::u32string_view text) {
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::string lower(std::string_view text) {
  return to_utf8(lower(code_points(text)));
}

std::string strip(std::string_view text) {
  return to_utf8(strip(code_points(text)));
}

}  // namespace cogent::ner
