#include "core/ner/normalise.hpp"

#include "core/ner/unicode.hpp"

namespace cogent::ner {
namespace {

// string.punctuation: all of ASCII that is printed and no letter, digit or space.
bool is_ascii_punctuation(char32_t point) {
  return (point >= U'!' && point <= U'/') || (point >= U':' && point <= U'@') ||
         (point >= U'[' && point <= U'`') || (point >= U'{' && point <= U'~');
}

bool is_article(std::u32string_view word) {
  return word == U"a" || word == U"an" || word == U"the";
}

std::u32string remove_punctuation(std::u32string_view text) {
  std::u32string kept;
  for (const char32_t point : text) {
    if (!is_ascii_punctuation(point)) {
      kept += point;
    }
  }
  return kept;
}

// re.sub(r"\b(a|an|the)\b", " ", text): a match is always a whole run of word characters.
std::u32string remove_articles(std::u32string_view text) {
  std::u32string kept;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_word(text[end])) {
      ++end;
    }
    if (end == at) {
      kept += text[at++];
      continue;
    }
    const std::u32string_view word = text.substr(at, end - at);
    kept += is_article(word) ? U" " : word;
    at = end;
  }
  return kept;
}

std::u32string collapse_space(std::u32string_view text) {
  std::u32string joined;
  bool space_is_due = false;
  for (const char32_t point : text) {
    if (is_space(point)) {
      space_is_due = !joined.empty();
      continue;
    }
    if (space_is_due) {
      joined += U' ';
      space_is_due = false;
    }
    joined += point;
  }
  return joined;
}

}  // namespace

std::string normalise_mention(std::string_view text) {
  const std::u32string bare = remove_punctuation(lower(code_points(text)));
  return to_utf8(collapse_space(remove_articles(bare)));
}

std::string normalise_label(std::string_view label) {
  const std::u32string lowered = lower(code_points(label));
  return to_utf8(strip(lowered));
}

}  // namespace cogent::ner
