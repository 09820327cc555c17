#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace cogent {

// What a progress line shows besides stage and step.
struct ProgressSample {
  std::int64_t step = 0;    // steps done
  std::int64_t tokens = 0;  // tokens since the line before
  std::optional<double> loss;
  std::optional<double> reward;
};

// One line a step on standard error: stage, step of steps, tokens/s, loss, reward, time left. The
// estimate counts the steps of this start only, so it is right after a resume too.
class Progress {
 public:
  Progress(std::string stage, std::int64_t first_step, std::int64_t total_steps);
  void report(const ProgressSample& sample);

 private:
  using Clock = std::chrono::steady_clock;
  std::string stage_;
  std::int64_t first_step_;
  std::int64_t total_steps_;
  Clock::time_point start_;
  Clock::time_point last_;
};

}  // namespace cogent
