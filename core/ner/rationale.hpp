#pragma once

#include "core/records/records.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace cogent::ner {

// Normalised label -> one line that says what it covers.
using LabelDescriptions = std::map<std::string, std::string>;

// Words of a rationale. The upper bound gives way only where the gold mentions themselves are
// longer: the chain mentions every one of them.
inline constexpr int kMinRationaleWords = 20;
inline constexpr int kMaxRationaleWords = 60;

// A chain of thought written from gold entities, label descriptions (any may be absent) and the
// schema: it weighs each candidate in the order of the sentence, decoys and labels that do not
// occur too. The wording is drawn by Philox (stream kRationale; prompt = row, position = index of
// the choice): a function of the arguments alone.
std::string write_rationale(const Example& example, const LabelDescriptions& descriptions,
                            std::uint64_t seed);

}  // namespace cogent::ner
