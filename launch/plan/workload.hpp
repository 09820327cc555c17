#pragma once

#include "core/config/config.hpp"
#include "core/model/transformer_memory.hpp"
#include "core/records/records.hpp"
#include "distributed/topology.hpp"
#include "launch/loaded_model.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace cogent::launch {

// Steps whose batches are looked at; a longer run is planned from its first ones.
inline constexpr std::int64_t kPlannedSteps = 1000;

// What a run computes at most, from its configuration and its data.
struct Workload {
  std::int64_t steps = 0;
  std::int64_t updates = 0;
  std::int64_t slots = 1;                // most of an update: micro-batches of one learner
  std::int64_t tokens = 0;               // trained tokens of a step, at most
  bool scores_policy = false;            // the learners score with the policy before they update
  std::vector<model::PassShape> passes;  // by learner: its largest micro-batch
  std::vector<std::vector<RolloutRequest>> sampling;  // by worker: its step that takes most memory
  std::vector<RolloutRequest> evaluation;  // of the rank with most examples; empty where none is
  std::optional<model::PassShape> evaluation_loss;  // the largest micro-batch, where it is measured
};

// Reads the data and cuts it into micro-batches as the run will. Completions that are still to be
// drawn count with rollout.max_new_tokens. Throws what the run would throw for bad data.
Workload workload_of(const RunConfig& config, Stage stage, const LoadedModel& source,
                     const distributed::Topology& topology);

}  // namespace cogent::launch
