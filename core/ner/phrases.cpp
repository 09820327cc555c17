#include "core/ner/phrases.hpp"

#include <array>

namespace cogent::ner {
namespace {

using Phrase = std::string_view;

constexpr std::array<Phrase, 6> kOpening = {
    "I go through the sentence from left to right.",
    "Let me hold each candidate against the types.",
    "First the spans that could matter, one by one.",
    "Several spans could be entities, so I weigh each.",
    "I check which spans really name something of these types.",
    "Reading closely, these are the spans worth a look.",
};
constexpr std::array<Phrase, 7> kGold = {
    "\"{t}\" is clearly {l}.",
    "{t} fits {l}.",
    "{t} goes under {l}.",
    "Here {t} plays the part of {l}.",
    "In this context {t} counts as {l}.",
    "I read {t} as {l}.",
    "The wording makes {t} a case of {l}.",
};
constexpr std::array<Phrase, 6> kGoldDescribed = {
    "{t} fits {l}: {d}.",
    "{t} matches {l} ({d}).",
    "Since {l} means {d}, {t} belongs there.",
    "\"{t}\" is {l}, meaning {d}.",
    "{t} goes under {l}, which covers {d}.",
    "{l} stands for {d}, and {t} is a match.",
};
constexpr std::array<Phrase, 5> kGoldGroup = {
    "{t} all fit {l}.",       "{t} each count as {l}.",
    "I put {t} under {l}.",   "{t} belong together as {l}.",
    "For {l} there are {t}.",
};
constexpr std::array<Phrase, 7> kNameDecoy = {
    "{t} looks like a name, but no type here covers it.",
    "{t} has a capital letter, yet it fits none of the types.",
    "{t} is tempting, but nothing makes it {l}.",
    "One could take {t} for {l}; the context does not support that.",
    "{t} stays out, as none of the types describes it.",
    "I leave {t} aside because it is not {l}.",
    "{t} might seem relevant, though the types do not include it.",
};
constexpr std::array<Phrase, 5> kNumberDecoy = {
    "{t} is a figure that no type asks for.",     "The number {t} stays out.",
    "{t} only counts something, so I skip it.",   "{t} is not {l}, just a figure.",
    "I pass over {t}, which is merely a number.",
};
constexpr std::array<Phrase, 6> kWordDecoy = {
    "{t} is an ordinary word, not {l}.",
    "{t} describes something general, so I skip it.",
    "The word {t} names nothing in particular.",
    "{t} stays out because it is too general for {l}.",
    "I considered {t}, but it is only plain vocabulary.",
    "{t} gives background and does not count as {l}.",
};
constexpr std::array<Phrase, 5> kAbsentLabel = {
    "Nothing here is {l}.",     "I find no {l}.",      "The type {l} stays empty.",
    "There is no sign of {l}.", "{l} does not occur.",
};
constexpr std::array<Phrase, 5> kAbsentLabels = {
    "Neither {l} nor {m} occurs.", "I find no {l} and no {m}.",          "{l} and {m} stay empty.",
    "Nothing here is {l} or {m}.", "There is no sign of {l} or of {m}.",
};
constexpr std::array<Phrase, 6> kClosing = {
    "That leaves {n}.",        "So I keep {n}.",        "In the end {n} can be extracted.",
    "Nothing else qualifies.", "The answer holds {n}.", "The rest of the sentence adds no more.",
};
constexpr std::array<Phrase, 4> kClosingEmpty = {
    "So the list of entities stays empty.",
    "In the end there is nothing to extract.",
    "No span qualifies, and the answer is empty.",
    "That leaves no entity at all.",
};
constexpr std::array<Phrase, 3> kFillerFirst = {
    "I compared every phrase of the sentence with the listed types.",
    "Each remaining phrase was held against the types in the list.",
    "Every other span was checked against the given types as well.",
};
constexpr std::array<Phrase, 3> kFillerSecond = {
    "The remaining words are plain vocabulary and carry none of the labels.",
    "What is left over only connects the sentence and names nothing else.",
    "The other words describe the scene without naming anything of these types.",
};

}  // namespace

std::span<const Phrase> phrases(Slot slot) {
  switch (slot) {
    case Slot::kOpening:
      return kOpening;
    case Slot::kGold:
      return kGold;
    case Slot::kGoldDescribed:
      return kGoldDescribed;
    case Slot::kGoldGroup:
      return kGoldGroup;
    case Slot::kNameDecoy:
      return kNameDecoy;
    case Slot::kNumberDecoy:
      return kNumberDecoy;
    case Slot::kWordDecoy:
      return kWordDecoy;
    case Slot::kAbsentLabel:
      return kAbsentLabel;
    case Slot::kAbsentLabels:
      return kAbsentLabels;
    case Slot::kClosing:
      return kClosing;
    case Slot::kClosingEmpty:
      return kClosingEmpty;
    case Slot::kFillerFirst:
      return kFillerFirst;
    case Slot::kFillerSecond:
      return kFillerSecond;
  }
  return {};
}

std::string fill_phrase(std::string_view phrase, const PhraseFields& fields) {
  std::string filled;
  for (std::size_t at = 0; at < phrase.size(); ++at) {
    if (phrase[at] != '{') {
      filled += phrase[at];
      continue;
    }
    switch (phrase[at + 1]) {
      case 't':
        filled += fields.text;
        break;
      case 'l':
        filled += fields.label;
        break;
      case 'm':
        filled += fields.second_label;
        break;
      case 'd':
        filled += fields.description;
        break;
      default:
        filled += fields.count;
    }
    at += 2;
  }
  if (phrase.starts_with("{l}") && !filled.empty() && filled[0] >= 'a' && filled[0] <= 'z') {
    filled[0] = static_cast<char>(filled[0] - 'a' + 'A');
  }
  return filled;
}

}  // namespace cogent::ner
