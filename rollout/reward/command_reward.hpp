#pragma once

#include "core/config/run_config.hpp"
#include "core/records/records.hpp"
#include "rollout/reward/line_process.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cogent::rollout {

// The reward `command`: a program of the user's, asked once for all completions of a batch. The
// lines that it reads and writes: docs/rewards.md.
class CommandReward {
 public:
  // The process must outlive it.
  CommandReward(LineProcess& process, const RewardSettings& settings)
      : process_(process),
        weight_(settings.command_weight),
        deadline_(settings.command_deadline_seconds) {}

  // Adds its value to each completion of groups[i], which are of examples[i]. What it gives no
  // value for is left out of its group; returns how many. Never throws for what the program does:
  // the log says what failed, and a program that has ended is started again by the next call.
  std::int64_t score(std::span<const Example> examples, std::span<RolloutGroup> groups,
                     const std::function<std::string(const Completion&)>& text_of);

 private:
  LineProcess& process_;
  double weight_;
  std::chrono::duration<double> deadline_;
  std::int64_t next_id_ = 0;  // no two questions have the same
};

}  // namespace cogent::rollout
