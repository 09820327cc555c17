#pragma once

#include <span>
#include <string>
#include <string_view>

namespace cogent::ner {

// What a chain of thought can say at one place. {t} is a span of the sentence, {l} a label, {d} its
// description, {m} a second label, {n} a count with its noun.
enum class Slot {
  kOpening,
  kGold,
  kGoldDescribed,
  kGoldGroup,
  kNameDecoy,
  kNumberDecoy,
  kWordDecoy,
  kAbsentLabel,
  kAbsentLabels,
  kClosing,
  kClosingEmpty,
  kFillerFirst,
  kFillerSecond,
};

std::span<const std::string_view> phrases(Slot slot);

struct PhraseFields {
  std::string_view text = {};
  std::string_view label = {};
  std::string_view description = {};
  std::string_view second_label = {};
  std::string_view count = {};
};

// The phrase with its fields filled once and its first letter in upper case where it begins with a
// label.
std::string fill_phrase(std::string_view phrase, const PhraseFields& fields);

}  // namespace cogent::ner
