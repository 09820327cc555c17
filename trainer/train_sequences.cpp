#include "trainer/train_sequences.hpp"

#include "trainer/advantage.hpp"
#include "trainer/policy_loss.hpp"

#include <cstddef>

namespace cogent::trainer {
namespace {

// Calls use(g, i, completion) for each completion that is trained, in order.
template <typename Use>
void for_each_trained(std::span<const RolloutGroup> groups, const Use& use) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t i = 0; i < groups[g].completions.size(); ++i) {
      if (!groups[g].completions[i].ids.empty()) {
        use(g, i, groups[g].completions[i]);
      }
    }
  }
}

std::vector<std::vector<double>> rewards_of(std::span<const RolloutGroup> groups) {
  std::vector<std::vector<double>> rewards;
  for (const RolloutGroup& group : groups) {
    std::vector<double>& out = rewards.emplace_back();
    for (const Completion& completion : group.completions) {
      out.push_back(completion.reward);
    }
  }
  return rewards;
}

}  // namespace

std::vector<TrainSequence> train_sequences(std::span<const RolloutGroup> groups,
                                           const GrpoSettings& settings) {
  const auto advantages = group_advantages(rewards_of(groups), settings);
  std::vector<TrainSequence> sequences;
  for_each_trained(groups, [&](std::size_t g, std::size_t i, const Completion& completion) {
    sequences.push_back({.prompt_ids = groups[g].prompt_ids,
                         .completion_ids = completion.ids,
                         .old_logprobs = completion.logprobs,
                         .group = static_cast<std::uint32_t>(g),
                         .advantage = advantages[g][i],
                         .truncated = completion.finish == Finish::kLength});
  });
  return sequences;
}

void take_kl_from_rewards(std::span<const RolloutGroup> groups, const GrpoSettings& settings,
                          std::span<const double> kl, std::span<TrainSequence> sequences) {
  std::vector<std::vector<double>> rewards = rewards_of(groups);
  std::size_t next = 0;
  for_each_trained(groups, [&](std::size_t g, std::size_t i, const Completion&) {
    rewards[g][i] -= settings.beta * kl[next++];
  });
  const auto advantages = group_advantages(rewards, settings);
  next = 0;
  for_each_trained(groups, [&](std::size_t g, std::size_t i, const Completion&) {
    sequences[next++].advantage = advantages[g][i];
  });
}

Selection select_sequences(std::span<const TrainSequence> all, const GrpoSettings& settings,
                           std::int64_t first_group, std::int64_t groups,
                           std::int64_t max_new_tokens) {
  Selection selection{.chosen = {}, .normaliser = {.max_new_tokens = max_new_tokens}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].group < first_group || all[i].group >= first_group + groups) {
      continue;
    }
    ++selection.normaliser.sequences;
    if (settings.mask_truncated && all[i].truncated) {
      continue;
    }
    selection.normaliser.tokens += static_cast<std::int64_t>(all[i].completion_ids.size());
    if (has_gradient(settings, all[i].advantage)) {
      selection.chosen.push_back(i);
    } else {
      ++selection.without_gradient;
    }
  }
  return selection;
}

}  // namespace cogent::trainer
