#pragma once

#include "core/records/records.hpp"
#include "rollout/candidates.hpp"
#include "rollout/engine_statistics.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace cogent::launch {

// What a GRPO step trains on.
struct StepRollouts {
  std::vector<RolloutGroup> groups = {};  // in the order of the step's prompts
  // Where dynamic sampling chose the groups: what it chose among.
  std::optional<rollout::CandidateCounts> candidates = {};
  // How all workers together drew the step, every round; on learner 0 alone, and not in a replay.
  std::optional<rollout::EngineStatistics> sampling = {};
  // Completions that lost their reward, which may depend on the clock: of the groups, or of all
  // candidates. 0 in a replay.
  std::int64_t lost_completions = 0;
};

}  // namespace cogent::launch
