#pragma once

#include <string>
#include <string_view>

namespace cogent::ner {

// The form in which two mention texts are compared: lower case, ASCII punctuation removed, the
// words a/an/the removed, white space collapsed to single spaces and stripped, in this order. Case,
// white space and word borders are those of Python's str and re. Text is generalised UTF-8
// (core/ner/unicode.hpp); total.
std::string normalise_mention(std::string_view text);

// A label as it is compared: lower case, stripped.
std::string normalise_label(std::string_view label);

}  // namespace cogent::ner
