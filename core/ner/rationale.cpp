#include "core/ner/rationale.hpp"

#include "core/base/philox.hpp"
#include "core/ner/candidates.hpp"
#include "core/ner/phrases.hpp"
#include "core/ner/schema.hpp"
#include "core/ner/unicode.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

namespace cogent::ner {
namespace {

constexpr int kMaxDescriptionWords = 12;

int count_words(std::string_view text) {
  int words = 0;
  bool in_word = false;
  for (const char32_t point : code_points(text)) {
    words += !is_space(point) && !in_word ? 1 : 0;
    in_word = !is_space(point);
  }
  return words;
}

// A description as it stands inside a sentence: without side clauses and full stop, lower-case in
// front, empty where it is long.
std::string inline_description(std::string text) {
  for (const char* clause : {";", " (", ", by ", ", such as ", ", with ", ", for example"}) {
    text = text.substr(0, text.find(clause));
  }
  text = strip(text);
  while (!text.empty() && text.back() == '.') {
    text.pop_back();
  }
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() > 1 && is_upper(text[0]) && !is_upper(text[1])) {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return count_words(text) > kMaxDescriptionWords ? "" : text;
}

// "one entity", "two entities", "11 entities".
std::string entity_count(std::size_t count) {
  constexpr std::array<const char*, 11> kWords = {"no",  "one",   "two",   "three", "four", "five",
                                                  "six", "seven", "eight", "nine",  "ten"};
  const std::string number = count < kWords.size() ? kWords[count] : std::to_string(count);
  return number + (count == 1 ? " entity" : " entities");
}

// "A, B and C".
std::string join_texts(const std::vector<std::string>& texts) {
  std::string joined;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    joined += i == 0 ? "" : i + 1 == texts.size() ? " and " : ", ";
    joined += texts[i];
  }
  return joined;
}

// How much a chain says. Plans run from the richest to the shortest.
struct Plan {
  bool is_framed;     // may open and close with a sentence
  bool is_described;  // says what a label means, once
  bool is_grouped;    // one sentence a label instead of one a mention
  std::size_t max_decoys;
  std::size_t max_absent;
};
constexpr Plan kPlans[] = {
    {true, true, false, 2, 2},   {false, true, false, 2, 2}, {false, true, false, 1, 1},
    {false, false, false, 1, 1}, {false, false, true, 1, 1}, {false, false, true, 0, 0},
};

// Writes one chain by one plan. Each draw has the next position.
class Writer {
 public:
  Writer(const Example& example, const LabelDescriptions& descriptions, std::uint64_t seed)
      : descriptions_(descriptions),
        schema_(normalise_schema(example.schema)),
        candidates_(find_candidates(example)),
        seed_(seed),
        row_(example.row) {
    for (const Candidate& candidate : candidates_) {
      if (candidate.look == Candidate::Look::kGold) {
        ++gold_;
        found_labels_.insert(candidate.label);
      }
    }
  }

  std::string write(const Plan& plan) {
    sentences_.clear();
    position_ = 0;
    described_.clear();
    last_choice_.clear();
    const bool opens = plan.is_framed && draw(3) != 0;
    const bool closes = plan.is_framed && draw(3) != 0;
    if (opens) {
      say(Slot::kOpening, {});
    }
    say_candidates(plan);
    say_absent(plan.max_absent);
    if (closes || gold_ == 0) {
      close();
    }
    fill_up(opens);
    return joined();
  }

 private:
  std::uint32_t draw(std::size_t bound) {
    return draw_below(static_cast<std::uint32_t>(bound), {.seed = seed_,
                                                          .stream = RandomStream::kRationale,
                                                          .position = position_++,
                                                          .prompt = row_});
  }
  // Never the same phrase twice in a row where a slot is used again.
  void say(Slot slot, const PhraseFields& fields) {
    const auto choices = phrases(slot);
    std::size_t choice = draw(choices.size());
    if (const auto last = last_choice_.find(slot);
        last != last_choice_.end() && last->second == choice) {
      choice = (choice + 1) % choices.size();
    }
    last_choice_[slot] = choice;
    sentences_.push_back(fill_phrase(choices[choice], fields));
  }

  void say_candidates(const Plan& plan) {
    std::size_t decoys = 0;
    std::set<std::string> grouped;
    for (const Candidate& candidate : candidates_) {
      if (candidate.look != Candidate::Look::kGold) {
        if (decoys++ < plan.max_decoys) {
          say_decoy(candidate);
        }
      } else if (!plan.is_grouped) {
        say_gold(candidate, plan.is_described);
      } else if (grouped.insert(candidate.label).second) {
        say_group(candidate.label);
      }
    }
  }

  void say_gold(const Candidate& gold, bool is_described) {
    const auto description = descriptions_.find(gold.label);
    const std::string meaning =
        is_described && description != descriptions_.end() && described_.insert(gold.label).second
            ? inline_description(description->second)
            : "";
    say(meaning.empty() ? Slot::kGold : Slot::kGoldDescribed,
        {.text = gold.text, .label = gold.label, .description = meaning});
  }

  void say_group(const std::string& label) {
    std::vector<std::string> texts;
    for (const Candidate& candidate : candidates_) {
      if (candidate.look == Candidate::Look::kGold && candidate.label == label) {
        texts.push_back(candidate.text);
      }
    }
    say(texts.size() == 1 ? Slot::kGold : Slot::kGoldGroup,
        {.text = join_texts(texts), .label = label});
  }

  void say_decoy(const Candidate& decoy) {
    const Slot slot = decoy.look == Candidate::Look::kName     ? Slot::kNameDecoy
                      : decoy.look == Candidate::Look::kNumber ? Slot::kNumberDecoy
                                                               : Slot::kWordDecoy;
    const std::string label = schema_.empty() ? "an entity" : schema_[draw(schema_.size())];
    say(slot, {.text = decoy.text, .label = label});
  }

  void say_absent(std::size_t max_absent) {
    std::vector<std::string> absent;
    for (const std::string& label : schema_) {
      if (!found_labels_.contains(label)) {
        absent.push_back(label);
      }
    }
    if (absent.empty() || max_absent == 0) {
      return;
    }
    const std::size_t first = draw(absent.size());
    if (absent.size() == 1 || max_absent == 1) {
      say(Slot::kAbsentLabel, {.label = absent[first]});
      return;
    }
    const std::size_t second = (first + 1 + draw(absent.size() - 1)) % absent.size();
    say(Slot::kAbsentLabels, {.label = absent[first], .second_label = absent[second]});
  }

  void close() {
    const std::string count = entity_count(gold_);
    say(gold_ == 0 ? Slot::kClosingEmpty : Slot::kClosing, {.count = count});
  }

  // Short chains get sentences that say what was looked at.
  void fill_up(bool opens) {
    const auto is_short = [this] { return count_words(joined()) < kMinRationaleWords; };
    if (is_short() && !opens) {
      say(Slot::kOpening, {});
      std::rotate(sentences_.begin(), sentences_.end() - 1, sentences_.end());
    }
    for (const Slot filler : {Slot::kFillerFirst, Slot::kFillerSecond}) {
      if (is_short()) {
        say(filler, {});
      }
    }
  }

  std::string joined() const {
    std::string text;
    for (const std::string& sentence : sentences_) {
      text += text.empty() ? "" : " ";
      text += sentence;
    }
    return text;
  }

  const LabelDescriptions& descriptions_;
  std::vector<std::string> schema_;
  std::vector<Candidate> candidates_;
  std::set<std::string> found_labels_;
  std::uint64_t seed_;
  std::uint32_t row_;
  std::size_t gold_ = 0;
  // Of the chain that is being written.
  std::vector<std::string> sentences_;
  std::set<std::string> described_;
  std::map<Slot, std::size_t> last_choice_;
  std::uint32_t position_ = 0;
};

}  // namespace

std::string write_rationale(const Example& example, const LabelDescriptions& descriptions,
                            std::uint64_t seed) {
  Writer writer(example, descriptions, seed);
  std::string chain;
  for (const Plan& plan : kPlans) {
    chain = writer.write(plan);
    if (count_words(chain) <= kMaxRationaleWords) {
      break;
    }
  }
  return chain;
}

}  // namespace cogent::ner
