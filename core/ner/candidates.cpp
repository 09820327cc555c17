#include "core/ner/candidates.hpp"

#include "core/ner/schema.hpp"
#include "core/ner/unicode.hpp"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>

namespace cogent::ner {
namespace {

constexpr std::size_t kMaxDecoys = 3;
constexpr std::size_t kMinPlainWord = 5;  // code points
constexpr std::size_t kMaxDecoyWords = 4;

// A word of the sentence without the punctuation around it.
struct Word {
  std::u32string text;
  std::size_t begin = 0;  // in code points
  std::size_t end = 0;
  bool ends_run = false;  // punctuation stands behind it
  bool is_gold = false;
};

bool is_capital(char32_t point) {
  return u_isupper(static_cast<UChar32>(point)) != 0 || u_istitle(static_cast<UChar32>(point)) != 0;
}

std::vector<Word> split_words(std::u32string_view sentence) {
  std::vector<Word> words;
  for (std::size_t at = 0; at < sentence.size();) {
    if (is_space(sentence[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < sentence.size() && !is_space(sentence[end])) {
      ++end;
    }
    std::size_t first = at;
    std::size_t last = end;
    while (first < last && !is_word(sentence[first])) {
      ++first;
    }
    while (last > first && !is_word(sentence[last - 1])) {
      --last;
    }
    if (first < last) {
      words.push_back(
          {std::u32string(sentence.substr(first, last - first)), first, last, last != end, false});
    } else if (!words.empty()) {
      words.back().ends_run = true;  // A token of punctuation alone.
    }
    at = end;
  }
  return words;
}

// Marks the words that any occurrence of a gold mention touches.
void mark_gold(std::vector<Word>& words, std::u32string_view sentence,
               const std::vector<Mention>& gold) {
  std::u32string covered(sentence.size(), U' ');
  for (const Mention& mention : gold) {
    const std::u32string text = code_points(mention.text);
    for (std::size_t at = text.empty() ? sentence.npos : sentence.find(text); at != sentence.npos;
         at = sentence.find(text, at + text.size())) {
      covered.replace(at, text.size(), text.size(), U'x');
    }
  }
  for (Word& word : words) {
    const std::u32string_view part(covered.data() + word.begin, word.end - word.begin);
    word.is_gold = part.find(U'x') != part.npos;
  }
}

// Words that begin sentences often and name nothing.
bool is_function_word(std::u32string_view lowered) {
  static constexpr std::array<std::u32string_view, 42> kWords = {
      U"a",     U"an",     U"the",    U"in",    U"on",       U"at",     U"of",    U"for", U"from",
      U"to",    U"by",     U"with",   U"and",   U"but",      U"or",     U"as",    U"if",  U"when",
      U"while", U"i",      U"he",     U"she",   U"it",       U"we",     U"they",  U"you", U"this",
      U"that",  U"these",  U"his",    U"her",   U"its",      U"our",    U"their", U"my",  U"there",
      U"after", U"before", U"during", U"since", U"although", U"because"};
  return std::find(kWords.begin(), kWords.end(), lowered) != kWords.end();
}

bool is_number(const Word& word) {
  return word.text.front() >= U'0' && word.text.front() <= U'9';
}
bool can_be_name(const Word& word) {
  return !word.is_gold && is_capital(word.text.front()) && !is_function_word(lower(word.text));
}

class Collector {
 public:
  explicit Collector(std::u32string_view sentence) : sentence_(sentence) {}

  void add(std::size_t begin, std::size_t end, Candidate::Look look) {
    if (decoys_.size() == kMaxDecoys) {
      return;
    }
    Candidate decoy;
    decoy.text = to_utf8(sentence_.substr(begin, end - begin));
    decoy.look = look;
    const bool is_known = std::any_of(decoys_.begin(), decoys_.end(), [&](const Candidate& other) {
      return other.text == decoy.text;
    });
    if (!is_known) {
      decoy.at = to_utf8(sentence_.substr(0, begin)).size();
      decoys_.push_back(std::move(decoy));
    }
  }
  std::vector<Candidate> take() { return std::move(decoys_); }
  bool empty() const { return decoys_.empty(); }

 private:
  std::u32string_view sentence_;
  std::vector<Candidate> decoys_;
};

std::vector<Candidate> find_decoys(std::u32string_view sentence, const std::vector<Word>& words) {
  Collector collector(sentence);
  for (std::size_t i = 0; i < words.size();) {
    std::size_t end = i;
    while (end < words.size() && end - i < kMaxDecoyWords && can_be_name(words[end]) &&
           (end == i || !words[end - 1].ends_run)) {
      ++end;
    }
    // A capital at the beginning of the sentence alone says nothing.
    if (end > i && !(i == 0 && end == 1)) {
      collector.add(words[i].begin, words[end - 1].end, Candidate::Look::kName);
    } else if (!words[i].is_gold && is_number(words[i])) {
      collector.add(words[i].begin, words[i].end, Candidate::Look::kNumber);
    }
    i = std::max(end, i + 1);
  }
  if (collector.empty()) {
    std::vector<const Word*> plain;
    for (const Word& word : words) {
      if (!word.is_gold && word.text.size() >= kMinPlainWord &&
          !is_function_word(lower(word.text))) {
        plain.push_back(&word);
      }
    }
    std::stable_sort(plain.begin(), plain.end(),
                     [](const Word* a, const Word* b) { return a->text.size() > b->text.size(); });
    for (std::size_t i = 0; i < std::min<std::size_t>(plain.size(), 2); ++i) {
      collector.add(plain[i]->begin, plain[i]->end, Candidate::Look::kWord);
    }
  }
  return collector.take();
}

}  // namespace

std::vector<Candidate> find_candidates(const Example& example) {
  const std::vector<Mention> gold = clean_gold(example.entities);
  std::vector<Candidate> candidates;
  for (const Mention& mention : gold) {
    const bool is_known = std::any_of(candidates.begin(), candidates.end(), [&](const auto& other) {
      return other.text == mention.text && other.label == mention.label;
    });
    if (!is_known) {
      candidates.push_back({mention.text, mention.label, Candidate::Look::kGold,
                            example.sentence.find(mention.text)});
    }
  }
  const std::u32string sentence = code_points(example.sentence);
  std::vector<Word> words = split_words(sentence);
  mark_gold(words, sentence, gold);
  for (Candidate& decoy : find_decoys(sentence, words)) {
    candidates.push_back(std::move(decoy));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.at < b.at; });
  return candidates;
}

}  // namespace cogent::ner
