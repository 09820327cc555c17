#pragma once

#include "core/text/pre_tokenizer.hpp"
#include "core/text/regex.hpp"

#include <functional>
#include <string_view>
#include <vector>

namespace cogent::text {

// What becomes of the delimiters between words, by their names in tokenizer.json.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// A stretch of a text that is a delimiter, or lies between two.
struct Stretch {
  Match where;
  bool delimiter;
};

// The text as stretches, in order and without a gap: delimiters are what a pattern matches, or the
// single characters that a predicate accepts.
std::vector<Stretch> stretches_of(std::string_view text, const Regex& pattern);
std::vector<Stretch> stretches_of(std::string_view text,
                                  const std::function<bool(std::uint32_t)>& is_delimiter);

// Appends the words; empty ones are dropped.
void append_words(std::string_view text, const std::vector<Stretch>& stretches,
                  SplitBehavior behavior, Words& out);

}  // namespace cogent::text
