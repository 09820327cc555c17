#include "launch/run_shape.hpp"

#include "core/base/error.hpp"
#include "core/data/order.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sched.h>

namespace cogent::launch {

using distributed::Topology;

const std::map<std::string, Stage>& stages_by_name() {
  static const std::map<std::string, Stage> stages = {{"annotate", Stage::kAnnotate},
                                                      {"sft", Stage::kSft},
                                                      {"grpo", Stage::kGrpo},
                                                      {"evaluate", Stage::kEvaluate}};
  return stages;
}

std::string stage_name(Stage stage) {
  return std::ranges::find(stages_by_name(), stage, [](const auto& entry) { return entry.second; })
      ->first;
}

Topology stage_topology(const RunConfig& config, Stage stage, int ranks,
                        const std::vector<distributed::Role>& roles) {
  if (stage == Stage::kSft || (stage == Stage::kGrpo && !config.rollout.replay.empty())) {
    return Topology::learners_only(ranks);
  }
  if (stage == Stage::kEvaluate || config.cluster.placement == Placement::kColocated) {
    return Topology::colocated(ranks);
  }
  return Topology::separate(ranks, config.cluster.learners, config.cluster.workers, roles);
}

int rank_threads(const RunConfig& config, const Topology& topology, int ranks, int on_host) {
  if (config.cluster.threads > 0) {
    return config.cluster.threads;
  }
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const int available = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  // Ranks of a host are assumed to be spread over the roles as the world's are.
  const int computing = std::max(topology.learners(), topology.workers());
  return std::max(1, available / std::max(1, computing * on_host / ranks));
}

std::int64_t steps_of_run(const TrainSettings& train, std::int64_t per_epoch) {
  if (train.steps > 0) {
    return train.steps;
  }
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  const double steps = std::ceil(train.epochs * static_cast<double>(per_epoch));
  check(steps <= kMost, ErrorCode::kUsage, "train.epochs is ", train.epochs, " and an epoch has ",
        per_epoch, " steps: a run has ", kMost, " steps at most, lower train.epochs");
  return static_cast<std::int64_t>(steps);
}

std::int64_t grpo_steps(const RunConfig& config, std::size_t examples) {
  return steps_of_run(
      config.train,
      data::grpo_steps_per_epoch(static_cast<std::uint32_t>(examples),
                                 static_cast<std::uint32_t>(config.rollout.prompts_per_step)));
}

std::int64_t replayed_steps(const TrainSettings& train, std::size_t batches) {
  const auto recorded = static_cast<std::int64_t>(batches);
  return train.steps > 0 ? std::min(recorded, train.steps) : recorded;
}

std::vector<std::uint32_t> grpo_rows(const RunConfig& config, std::size_t examples,
                                     std::int64_t step, std::int64_t round) {
  const std::int64_t prompts = config.rollout.prompts_per_step;
  const std::int64_t refill = config.grpo.refill_prompts > 0 ? config.grpo.refill_prompts : prompts;
  const auto count = static_cast<std::uint32_t>(examples);
  return data::grpo_round_rows(count, static_cast<std::uint32_t>(prompts),
                               static_cast<std::uint32_t>(std::min<std::int64_t>(refill, count)),
                               config.seed, static_cast<std::uint32_t>(step),
                               static_cast<std::uint32_t>(round));
}

}  // namespace cogent::launch
