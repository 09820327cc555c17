#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cogent::rollout {

// Completions of the same prompt, and again of other prompts, that a draft may copy from.
inline constexpr std::size_t kDraftSources = 16;

// Guesses how a text goes on from where its last tokens stood before: a named entity is copied from
// the prompt, completions of one prompt repeat each other, and those of one task share their turns
// of phrase. Looks for the longest suffix of prompt + completion, of at most 8 tokens, that stands
// earlier in them or in one of `others` (completions), the latest place first, own text before that
// of others, these in their order; what follows there is the draft, at most `length` tokens. Empty
// where not even the last token stood anywhere before.
std::vector<std::int32_t> draft_tokens(std::span<const std::int32_t> prompt,
                                       std::span<const std::int32_t> completion,
                                       std::span<const std::span<const std::int32_t>> others,
                                       std::size_t length);

// How many tokens are worth guessing for one sequence: doubled when a draft was right to its end,
// halved when its first token was wrong.
class DraftLength {
 public:
  std::int64_t tokens() const { return tokens_; }
  void record(std::int64_t drafted, std::int64_t accepted);

 private:
  static constexpr std::int64_t kLongest = 16;
  std::int64_t tokens_ = 4;
};

}  // namespace cogent::rollout
