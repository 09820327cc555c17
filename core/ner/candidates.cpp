#include "core/ner/candidates.hpp"

#include "core/ner/schema.hpp"
#include "core/ner/unicode.hpp"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

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

// Words that name nothing, wherever they stand.
bool is_function_word(std::u32string_view lowered) {
  static constexpr std::u32string_view kSorted[] = {
      U"a",         U"about",      U"above",     U"across",     U"after",  U"again",    U"against",
      U"all",       U"almost",     U"along",     U"already",    U"also",   U"although", U"always",
      U"among",     U"an",         U"and",       U"another",    U"any",    U"are",      U"around",
      U"as",        U"at",         U"because",   U"been",       U"before", U"behind",   U"being",
      U"below",     U"between",    U"beyond",    U"both",       U"but",    U"by",       U"could",
      U"did",       U"does",       U"done",      U"during",     U"each",   U"either",   U"even",
      U"ever",      U"every",      U"everybody", U"everything", U"few",    U"first",    U"for",
      U"from",      U"had",        U"has",       U"have",       U"he",     U"her",      U"here",
      U"herself",   U"him",        U"himself",   U"his",        U"how",    U"i",        U"if",
      U"in",        U"inside",     U"into",      U"is",         U"it",     U"its",      U"itself",
      U"just",      U"many",       U"might",     U"more",       U"most",   U"much",     U"my",
      U"neither",   U"never",      U"no",        U"nobody",     U"nor",    U"not",      U"nothing",
      U"of",        U"on",         U"once",      U"only",       U"onto",   U"or",       U"other",
      U"others",    U"our",        U"outside",   U"over",       U"own",    U"per",      U"same",
      U"shall",     U"she",        U"should",    U"since",      U"so",     U"some",     U"somebody",
      U"something", U"still",      U"such",      U"than",       U"that",   U"the",      U"their",
      U"them",      U"themselves", U"then",      U"there",      U"these",  U"they",     U"this",
      U"those",     U"though",     U"through",   U"till",       U"to",     U"too",      U"toward",
      U"towards",   U"twice",      U"under",     U"until",      U"upon",   U"very",     U"was",
      U"we",        U"were",       U"what",      U"when",       U"where",  U"whether",  U"which",
      U"while",     U"who",        U"whom",      U"whose",      U"why",    U"with",     U"within",
      U"without",   U"would",      U"yet",       U"you",        U"your"};
  return std::binary_search(std::begin(kSorted), std::end(kSorted), lowered);
}

// Endings of verbs, participles and adverbs: a chain that calls them candidates sounds odd.
bool is_hardly_a_noun(std::u32string_view word) {
  return word.ends_with(U"ed") || word.ends_with(U"ing") || word.ends_with(U"ly");
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

// At most two plain words, the likeliest nouns first: those that end a phrase, then the longest.
std::vector<const Word*> plain_words(const std::vector<Word>& words) {
  const auto is_plain = [](const Word& word) {
    const std::u32string lowered = lower(word.text);
    return !word.is_gold && word.text.size() >= kMinPlainWord && !is_function_word(lowered) &&
           !is_hardly_a_noun(lowered);
  };
  const auto ends_phrase = [&words](const Word* word) {
    return word->ends_run || word == &words.back() || is_function_word(lower(word[1].text));
  };
  std::vector<const Word*> plain;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (is_plain(words[i])) {
      plain.push_back(&words[i]);
    }
  }
  std::stable_sort(plain.begin(), plain.end(), [&](const Word* a, const Word* b) {
    return std::pair(ends_phrase(b), b->text.size()) < std::pair(ends_phrase(a), a->text.size());
  });
  plain.erase(plain.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(plain.size(), 2)),
              plain.end());
  return plain;
}

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
    for (const Word* word : plain_words(words)) {
      collector.add(word->begin, word->end, Candidate::Look::kWord);
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
