#pragma once

#include "core/records/records.hpp"
#include "rollout/ngram_counts.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace cogent::rollout {

// A token that may come next, behind those guessed before it.
struct Guess {
  std::int32_t id = 0;
  double chance = 0;     // that it and all guesses before it are right
  std::size_t kind = 0;  // of DraftChances
};

// How often guesses of a kind were right. The kind: the share of the places with the same context
// that the token followed, how long that context is, and whether the guess is the first of its
// draft. A kind that was never tried is taken at its share's word, and what is long ago counts
// less.
class DraftChances {
 public:
  DraftChances();
  static std::size_t kind_of(double share, std::size_t context, bool is_first);
  double chance(std::size_t kind) const;
  void record(std::size_t kind, bool right);

 private:
  static constexpr std::size_t kShares = 10;
  struct Tally {
    double right = 0;
    double tried = 0;
  };
  std::array<Tally, kShares * NgramCounts::kLongestContext * 2> tallies_;
};

// Guesses how completions go on, from what followed the same tokens before: a named entity is
// copied from the prompt, completions of one prompt repeat each other, and those of one task share
// their turns of phrase. The longest context of at most NgramCounts::kLongestContext tokens that
// stands anywhere decides, by a vote of all its places; those in the prompt and in the group's
// completions count twice, and of equal votes the latest place wins.
//
// The same guesses come out for the same course of completions: no clock, no random number.
class Drafter {
 public:
  // References must outlive it; completions may only grow.
  Drafter(std::span<const RolloutRequest> requests, std::span<const RolloutGroup> groups);

  // How this completion, which has a token, may go on: at most `length` guesses, fewer where
  // nothing is known or the chance is small.
  std::vector<Guess> guess(std::size_t request, std::uint32_t index, std::int64_t length);
  // Of the guesses that were verified so many were right; `ended`: the completion ended with the
  // last of them, or with the token behind, so that the next guess was not judged.
  void record(std::span<const Guess> verified, std::int64_t right, bool ended);
  // From here on others may copy from this finished completion; of many, the latest are kept.
  void finish(std::size_t request, std::uint32_t index);
  // No completion of this request is in progress any more, or waiting.
  void forget(std::size_t request) { groups_of_[request] = {}; }

 private:
  struct Name {
    std::size_t request = 0;
    std::uint32_t index = 0;
  };
  // A prompt and its completions, as far as they are counted.
  struct GroupCounts {
    NgramCounts counts;
    std::vector<std::size_t> counted;  // [completions] tokens; empty: not even the prompt
  };
  const std::vector<std::int32_t>& ids_of(const Name& name) const {
    return groups_[name.request].completions[name.index].ids;
  }
  void count_group(std::size_t request);
  void count_finished();

  std::span<const RolloutRequest> requests_;
  std::span<const RolloutGroup> groups_;
  std::vector<GroupCounts> groups_of_;  // [requests]
  NgramCounts finished_;
  std::deque<Name> counted_;  // in finished_
  std::deque<Name> waiting_;  // to be counted there: nothing is before a first guess is asked for
  std::size_t counted_tokens_ = 0;
  std::size_t waiting_tokens_ = 0;
  DraftChances chances_;
};

}  // namespace cogent::rollout
