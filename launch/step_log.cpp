#include "launch/step_log.hpp"

#include "core/base/hash.hpp"
#include "trainer/advantage.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cogent::launch {
namespace {

// Of the completions of a step.
struct RolloutFacts {
  double reward = 0, reward_std = 0, length = 0, truncated = 0;      // means
  std::map<std::string, double> parts = {{"f1", 0}, {"schema", 0}};  // means by reward name
  double zero_variance = 0;  // share of the groups, those without completions left out
};

bool rewards_are_equal(const RolloutGroup& group) {
  return std::ranges::all_of(group.completions, [&](const Completion& completion) {
    return completion.reward == group.completions.front().reward;
  });
}

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
    sums.zero_variance += !group.completions.empty() && rewards_are_equal(group) ? 1 : 0;
  }
  const double count = std::max(1.0, static_cast<double>(rewards.size()));
  sums.length /= count;
  sums.truncated /= count;
  for (auto& [name, sum] : sums.parts) {
    sum /= count;
  }
  sums.reward = trainer::mean_of(rewards);
  sums.reward_std = trainer::sample_std(rewards);
  sums.zero_variance /= std::max(1.0, filled_groups);
  return sums;
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
                  std::uint64_t weights_xxh3, std::span<const RolloutGroup> groups,
                  std::int64_t group_size) {
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
                       {"weights_xxh3", hex64(weights_xxh3)},
                       {"skipped", metrics.skipped}};
  ProgressSample sample{.step = step, .tokens = metrics.tokens, .loss = metrics.loss, .reward = {}};
  if (!groups.empty()) {
    const RolloutFacts facts = rollout_facts(groups);
    line["sampling_seconds"] = Seconds(sampled_ - start_).count();
    line["training_seconds"] = Seconds(now - sampled_).count();
    line["reward"] = facts.reward;
    line["reward_std"] = facts.reward_std;
    for (const auto& [name, mean] : facts.parts) {
      line["reward_" + name] = mean;
    }
    line["zero_variance"] = facts.zero_variance;
    line["completion_length"] = facts.length;
    line["truncated"] = facts.truncated;
    add_health(metrics, line);
    line["reproducible"] =
        std::all_of(groups.begin(), groups.end(), [&](const RolloutGroup& group) {
          return static_cast<std::int64_t>(group.completions.size()) >= group_size;
        });
    sample.reward = facts.reward;
  }
  file_->append(line);
  progress_->report(sample);
}

}  // namespace cogent::launch
