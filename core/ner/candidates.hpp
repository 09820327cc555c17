#pragma once

#include "core/records/records.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace cogent::ner {

// A span of a sentence that a chain of thought weighs: a gold mention, or a decoy that looks like
// one.
struct Candidate {
  enum class Look { kGold, kName, kNumber, kWord };

  std::string text;
  std::string label;  // of a gold mention
  Look look = Look::kGold;
  std::size_t at = 0;  // byte offset in the sentence; past its end where the text is not there
};

// Gold mentions (each text and label once) and decoys, in the order of the sentence. Decoys are
// capitalised runs of words and numbers that share no word with a gold mention; where the sentence
// has neither, its longest plain words. No span is listed twice.
std::vector<Candidate> find_candidates(const Example& example);

}  // namespace cogent::ner
