#pragma once

#include "core/base/json_lines.hpp"
#include "core/config/config.hpp"
#include "core/model/weights/model_config.hpp"
#include "trainer/learner_memory.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cogent::launch {

// One stretch of a rank's time, with all that takes memory in it.
struct PlannedPhase {
  std::string name;
  std::vector<trainer::MemoryPart> parts;
  std::int64_t bytes() const { return trainer::total_bytes(parts); }
};

// Ranks that do the same work; the one that takes most.
struct PlannedRole {
  std::string name;
  int ranks = 0;
  std::vector<PlannedPhase> phases;
  const PlannedPhase& peak() const;
};

// What a run will need before it starts.
struct RunPlan {
  std::string stage;
  std::string model_type;
  std::int64_t parameters = 0;
  std::int64_t trained_parameters = 0;  // the adapter's with LoRA; 0 where nothing is trained
  int ranks = 0;
  std::int64_t steps = 0;
  std::int64_t updates = 0;
  std::int64_t tokens_per_step = 0;    // trained, at most
  std::int64_t micro_batch_rows = 0;   // of the largest
  std::int64_t reduction_bytes = 0;    // sent by one learner in a step: gradients and weights
  std::int64_t publication_bytes = 0;  // received by one worker in a step
  std::int64_t checkpoint_bytes = 0;   // of one, on disk
  std::int64_t checkpoints_bytes = 0;  // of all that exist at a time
  std::vector<PlannedRole> roles;
};

// The plan of `cogent STAGE` with this configuration and number of ranks. Reads the model's
// description and the data, and no weights. Throws what the run would be refused with.
RunPlan plan_run(const RunConfig& config, Stage stage, int ranks);

// For a terminal, in MB of 10^6 bytes; for a script, in bytes.
std::string plan_text(const RunPlan& plan);
json::object plan_json(const RunPlan& plan);

}  // namespace cogent::launch
