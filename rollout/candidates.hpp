#pragma once

#include "core/records/records.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cogent::rollout {

// All its rewards are one number; true too for a group without completions.
bool rewards_are_equal(const RolloutGroup& group);

// What every rank learns of a candidate: a prompt that was drawn for a step.
struct CandidateFacts {
  std::uint32_t row = 0;
  std::int64_t completions = 0;  // that got a reward
  double reward_sum = 0;
  bool rewards_differ = false;
};
CandidateFacts candidate_facts(std::uint32_t row, const RolloutGroup& group);

// What became of a step's candidates.
struct CandidateCounts {
  std::int64_t rounds = 0;
  std::int64_t candidates = 0;
  std::int64_t zero_variance = 0;  // dropped: their rewards are all equal
  std::int64_t unscored = 0;       // dropped: no completion got a reward
  std::int64_t surplus = 0;        // dropped: their rewards differ, but the step had its groups
  std::int64_t completions = 0;    // of all candidates
  double reward_sum = 0;           // over these completions
};

// Dynamic sampling's choice (DAPO, arXiv 2503.14476, section 3.2): the first candidates whose
// rewards differ, in the order of rounds and of rows within a round. A pure function of the
// candidates, so that every rank chooses the same.
class CandidateChoice {
 public:
  explicit CandidateChoice(std::size_t wanted) : wanted_(wanted) {}

  void add_round(std::span<const CandidateFacts> candidates);

  bool full() const { return kept_.size() == wanted_; }
  const std::vector<std::uint32_t>& kept() const { return kept_; }  // rows, `wanted` at most
  const CandidateCounts& counts() const { return counts_; }

 private:
  std::size_t wanted_;
  std::vector<std::uint32_t> kept_;
  CandidateCounts counts_;
};

}  // namespace cogent::rollout
