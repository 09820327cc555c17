#pragma once

#include "core/base/json_lines.hpp"
#include "core/base/progress.hpp"
#include "core/records/records.hpp"
#include "launch/run_folder.hpp"
#include "trainer/learner.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace cogent::launch {

// metrics.jsonl and the live line of one step. Does nothing on the ranks that do not write.
class StepLog {
 public:
  StepLog(const RunFolder& folder, std::string stage, std::int64_t first_step,
          std::int64_t total_steps, bool writes);
  void begin();    // the step's clock starts
  void sampled();  // the step's completions are there: what follows is training
  // `groups`: the step's, empty for sft; their rewards and lengths are averaged over completions. A
  // group with fewer than `group_size` completions lost one to a failed reward, which may depend on
  // the clock: the line then says "reproducible": false.
  void end(std::int64_t step, const trainer::StepMetrics& metrics, std::uint64_t weights_xxh3,
           std::span<const RolloutGroup> groups, std::int64_t group_size);

 private:
  std::string stage_;
  std::optional<JsonLineFile> file_;
  std::optional<Progress> progress_;
  std::chrono::steady_clock::time_point start_, sampled_;
};

}  // namespace cogent::launch
