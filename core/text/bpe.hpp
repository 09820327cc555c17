#pragma once

#include "core/text/byte_level.hpp"
#include "core/text/tokenizer.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cogent::text {

// Byte-pair merging over a vocabulary in byte-level spelling. The cost of a word is n log n in its
// length.
class Bpe {
 public:
  // Throws kModel where a merge names a token that the vocabulary lacks.
  explicit Bpe(const TokenizerSpec& spec);

  // Appends the ids of one word (in byte-level spelling).
  void encode(std::string_view word, std::vector<std::int32_t>& ids) const;
  std::optional<std::int32_t> token_id(std::string_view token) const;

 private:
  struct Rule {
    std::int32_t rank;
    std::int32_t merged;  // id
  };
  struct Symbol {
    std::int32_t id;
    int previous;  // index, -1 at the border
    int next;
    bool alive;
  };
  struct Candidate;

  const Rule* find_rule(std::int32_t left, std::int32_t right) const;
  std::vector<Symbol> symbols_of(std::string_view word) const;
  void merge(std::vector<Symbol>& symbols) const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
  std::unordered_map<std::uint64_t, Rule> rules_;          // left id << 32 | right id
  std::array<std::int32_t, kByteLevelEnd> character_ids_;  // -1: not in the vocabulary
  std::int32_t unknown_id_;                                // -1: unknown characters are dropped
  bool fuse_unknown_;
  bool ignore_merges_;
};

}  // namespace cogent::text
