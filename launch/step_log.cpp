#include "launch/step_log.hpp"

#include "core/base/hash.hpp"
#include "trainer/advantage.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cogent::launch {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Of the completions of a step. Means are NaN where there are none.
struct RolloutFacts {
  double reward = 0, reward_std = 0, length = 0, truncated = 0;      // means
  std::map<std::string, double> parts = {{"f1", 0}, {"schema", 0}};  // means by reward name
  double zero_variance = 0;  // share of the groups, those without completions left out
};

RolloutFacts rollout_facts(std::span<const RolloutGroup> groups) {
  RolloutFacts sums;
  std::vector<double> rewards;
  double filled_groups = 0;
  for (const RolloutGroup& group : groups) {
    for (const Completion& completion : group.completions) {
      rewards.push_back(completion.reward);
      sums.length += static_cast<double>(completion.ids.size());
      sums.truncated += completion.finish == Finish::kLength ? 1 : 0;
      for (const auto& [name, value] : completion.rewards) {
        sums.parts[name] += value;
      }
    }
    filled_groups += group.completions.empty() ? 0 : 1;
    sums.zero_variance += !group.completions.empty() && rollout::rewards_are_equal(group) ? 1 : 0;
  }
  const double count = rewards.empty() ? kNaN : static_cast<double>(rewards.size());
  sums.length /= count;
  sums.truncated /= count;
  for (auto& [name, sum] : sums.parts) {
    sum /= count;
  }
  sums.reward = rewards.empty() ? kNaN : trainer::mean_of(rewards);
  sums.reward_std = rewards.empty() ? kNaN : trainer::sample_std(rewards);
  sums.zero_variance /= std::max(1.0, filled_groups);
  return sums;
}

void add_facts(const RolloutFacts& facts, json::object& line) {
  line["reward"] = facts.reward;
  line["reward_std"] = facts.reward_std;
  for (const auto& [name, mean] : facts.parts) {
    line["reward_" + name] = mean;
  }
  line["zero_variance"] = facts.zero_variance;
  line["completion_length"] = facts.length;
  line["truncated"] = facts.truncated;
}

// Dynamic sampling: what the step's groups were chosen among.
void add_candidates(const rollout::CandidateCounts& counts, json::object& line) {
  const auto scored = static_cast<double>(counts.candidates - counts.unscored);
  line["rounds"] = counts.rounds;
  line["candidates"] = counts.candidates;
  line["dropped_groups"] = counts.zero_variance + counts.unscored;
  line["surplus_groups"] = counts.surplus;
  line["candidate_reward"] =
      counts.completions > 0 ? counts.reward_sum / static_cast<double>(counts.completions) : kNaN;
  line["zero_variance"] = static_cast<double>(counts.zero_variance) / std::max(1.0, scored);
}

// What the learner measured of the step: docs/operations.md says over what each is taken.
void add_health(const trainer::StepMetrics& metrics, json::object& line) {
  line["kl"] = metrics.kl;
  line["entropy"] = metrics.entropy;
  line["clip_ratio"] = metrics.clipped_low + metrics.clipped_high;
  line["clip_ratio_low"] = metrics.clipped_low;
  line["clip_ratio_high"] = metrics.clipped_high;
  line["clip_ratio_delta"] = metrics.clipped_delta;
  line["ratio_mean"] = metrics.ratio_mean;
  line["ratio_max_deviation"] = metrics.ratio_max_deviation;
  line["importance_mean"] = metrics.importance_mean;
  line["importance_max"] = metrics.importance_max;
  line["advantage_mean"] = metrics.advantage_mean;
  line["advantage_std"] = metrics.advantage_std;
  line["skipped_sequences"] = metrics.skipped_sequences;
  json::array differences;
  for (const double count : metrics.logprob_differences) {
    differences.push_back(static_cast<std::int64_t>(count));
  }
  line["logprob_differences"] = std::move(differences);
}

}  // namespace

StepLog::StepLog(const RunFolder& folder, std::string stage, std::int64_t first_step,
                 std::int64_t total_steps, bool writes)
    : stage_(std::move(stage)) {
  if (writes) {
    file_.emplace(folder.metrics());
    progress_.emplace(stage_, first_step, total_steps);
  }
}

void StepLog::begin() {
  start_ = std::chrono::steady_clock::now();
}

void StepLog::sampled() {
  sampled_ = std::chrono::steady_clock::now();
}

void StepLog::end(std::int64_t step, const trainer::StepMetrics& metrics,
                  std::uint64_t weights_xxh3, const StepRollouts* rollouts) {
  if (!file_) {
    return;
  }
  using Seconds = std::chrono::duration<double>;
  const auto now = std::chrono::steady_clock::now();
  const double seconds = Seconds(now - start_).count();
  json::object line = {{"step", step},
                       {"stage", stage_},
                       {"loss", metrics.loss},
                       {"grad_norm", metrics.grad_norm},
                       {"lr", metrics.lr},
                       {"tokens", metrics.tokens},
                       {"seconds", seconds},
                       {"reduction_seconds", metrics.reduction_seconds},
                       {"optimizer_seconds", metrics.optimizer_seconds},
                       {"weights_xxh3", hex64(weights_xxh3)},
                       {"skipped", metrics.skipped}};
  ProgressSample sample{.step = step, .tokens = metrics.tokens, .loss = metrics.loss, .reward = {}};
  if (rollouts != nullptr) {
    const RolloutFacts facts = rollout_facts(rollouts->groups);
    line["updates"] = metrics.updates;
    line["sampling_seconds"] = Seconds(sampled_ - start_).count();
    line["training_seconds"] = Seconds(now - sampled_).count();
    add_facts(facts, line);
    if (rollouts->candidates) {
      add_candidates(*rollouts->candidates, line);
    }
    if (rollouts->sampling) {
      for (const auto& [name, value] : rollout::to_json(*rollouts->sampling)) {
        line[name] = value;
      }
    }
    add_health(metrics, line);
    line["lost_completions"] = rollouts->lost_completions;
    line["reproducible"] = rollouts->lost_completions == 0;
    if (std::isfinite(facts.reward)) {
      sample.reward = facts.reward;
    }
  }
  file_->append(line);
  progress_->report(sample);
}

}  // namespace cogent::launch
