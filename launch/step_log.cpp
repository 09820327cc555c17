#include "launch/step_log.hpp"

#include "core/base/hash.hpp"

#include <algorithm>
#include <utility>

namespace cogent::launch {
namespace {

// Means over the completions of a step.
struct RolloutMeans {
  double reward = 0, f1 = 0, schema = 0, length = 0, truncated = 0;
};

RolloutMeans rollout_means(std::span<const RolloutGroup> groups) {
  RolloutMeans sums;
  double count = 0;
  for (const RolloutGroup& group : groups) {
    for (const Completion& completion : group.completions) {
      count += 1;
      sums.reward += completion.reward;
      sums.length += static_cast<double>(completion.ids.size());
      sums.truncated += completion.finish == Finish::kLength ? 1 : 0;
      for (const auto& [name, value] : completion.rewards) {
        sums.f1 += name == "f1" ? value : 0;
        sums.schema += name == "schema" ? value : 0;
      }
    }
  }
  for (double* sum : {&sums.reward, &sums.f1, &sums.schema, &sums.length, &sums.truncated}) {
    *sum /= count > 0 ? count : 1;
  }
  return sums;
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
    const RolloutMeans means = rollout_means(groups);
    line["sampling_seconds"] = Seconds(sampled_ - start_).count();
    line["training_seconds"] = Seconds(now - sampled_).count();
    line["reward"] = means.reward;
    line["reward_f1"] = means.f1;
    line["reward_schema"] = means.schema;
    line["kl"] = metrics.kl;
    line["clip_ratio"] = metrics.clip_ratio;
    line["entropy"] = metrics.entropy;
    line["completion_length"] = means.length;
    line["truncated"] = means.truncated;
    line["ratio_max_deviation"] = metrics.ratio_max_deviation;
    line["reproducible"] =
        std::all_of(groups.begin(), groups.end(), [&](const RolloutGroup& group) {
          return static_cast<std::int64_t>(group.completions.size()) >= group_size;
        });
    sample.reward = means.reward;
  }
  file_->append(line);
  progress_->report(sample);
}

}  // namespace cogent::launch
