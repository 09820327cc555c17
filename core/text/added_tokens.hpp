#pragma once

#include "core/text/normalizer.hpp"
#include "core/text/regex.hpp"
#include "core/text/tokenizer.hpp"

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cogent::text {

// A trie over bytes: finds the leftmost of several patterns, the longest one where several begin.
class PatternTrie {
 public:
  PatternTrie();
  // The pattern must not be empty. Of equal patterns the first one counts.
  void add(std::string_view pattern, std::int32_t value);
  struct Found {
    Match where;
    std::int32_t value;
  };
  // The first occurrence at or behind `from`; false where there is none.
  bool find(std::string_view text, std::size_t from, Found& found) const;

 private:
  std::bitset<256> first_bytes_;
  std::unordered_map<std::uint64_t, std::uint32_t> children_;  // node << 8 | byte -> node
  std::vector<std::int32_t> values_;                           // by node; -1: no pattern ends here
};

// A stretch of the input: an added token, or text (id -1).
struct Segment {
  std::int32_t id;
  std::string text;
};

// Cuts a text at its added tokens as `tokenizers` does: first the ones that are looked for in the
// text as it stands, then, in what is left, normalised, the ones marked `normalized`. A special
// token that is taken as plain text still hides tokens that overlap it.
class AddedTokens {
 public:
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer);
  std::vector<Segment> cut(std::string_view text, SpecialText special) const;
  bool is_special(std::int32_t id) const;

 private:
  void cut_by(const PatternTrie& trie, std::string_view text, SpecialText special,
              std::vector<Segment>& out) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::int32_t, std::size_t> by_id_;
  const Normalizer* normalizer_;  // null: none; must outlive this
  PatternTrie as_it_stands_;
  PatternTrie normalized_;
};

}  // namespace cogent::text
