#include "rollout/candidates.hpp"

#include <algorithm>

namespace cogent::rollout {

bool rewards_are_equal(const RolloutGroup& group) {
  return std::ranges::all_of(group.completions, [&](const Completion& completion) {
    return completion.reward == group.completions.front().reward;
  });
}

CandidateFacts candidate_facts(std::uint32_t row, const RolloutGroup& group) {
  CandidateFacts facts{.row = row,
                       .completions = static_cast<std::int64_t>(group.completions.size()),
                       .reward_sum = 0,
                       .rewards_differ = !rewards_are_equal(group)};
  for (const Completion& completion : group.completions) {
    facts.reward_sum += completion.reward;
  }
  return facts;
}

void CandidateChoice::add_round(std::span<const CandidateFacts> candidates) {
  ++counts_.rounds;
  for (const CandidateFacts& facts : candidates) {
    ++counts_.candidates;
    counts_.completions += facts.completions;
    counts_.reward_sum += facts.reward_sum;
    if (facts.completions == 0) {
      ++counts_.unscored;
    } else if (!facts.rewards_differ) {
      ++counts_.zero_variance;
    } else if (full()) {
      ++counts_.surplus;
    } else {
      kept_.push_back(facts.row);
    }
  }
}

}  // namespace cogent::rollout
