#pragma once

#include "core/records/records.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::ner {

// Whether a normalised label names no entity type: na, n a, misc, else, other, nan, or nothing.
// Such labels are dropped from schemas and gold entities.
bool is_dropped_label(std::string_view label);

// Labels in lower case and stripped, the dropped ones left out, each once, sorted by code point: as
// the prompt lists them and as the reward looks them up.
std::vector<std::string> normalise_schema(std::span<const std::string> labels);

// Whether a normalised label is in a normalised schema.
bool in_schema(std::span<const std::string> schema, std::string_view label);

// Mentions with normalised labels and stripped text, in order.
std::vector<Mention> clean_mentions(std::span<const Mention> mentions);
// The same of gold entities: those with a dropped label are left out.
std::vector<Mention> clean_gold(std::span<const Mention> mentions);

}  // namespace cogent::ner
