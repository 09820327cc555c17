#pragma once

#include "core/base/json_lines.hpp"
#include "core/base/progress.hpp"
#include "launch/run_folder.hpp"
#include "launch/step_rollouts.hpp"
#include "trainer/learner.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace cogent::launch {

// metrics.jsonl and the live line of one step. Does nothing on the ranks that do not write.
class StepLog {
 public:
  StepLog(const RunFolder& folder, std::string stage, std::int64_t first_step,
          std::int64_t total_steps, bool writes);
  void begin();    // the step's clock starts
  void sampled();  // the step's completions are there: what follows is training
  // `rollouts`: what a GRPO step trained on, null for sft; rewards and lengths are averaged over
  // its completions.
  void end(std::int64_t step, const trainer::StepMetrics& metrics, std::uint64_t weights_xxh3,
           const StepRollouts* rollouts = nullptr);

 private:
  std::string stage_;
  std::optional<JsonLineFile> file_;
  std::optional<Progress> progress_;
  std::chrono::steady_clock::time_point start_, sampled_;
};

}  // namespace cogent::launch
