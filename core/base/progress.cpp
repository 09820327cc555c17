#include "core/base/progress.hpp"

#include "core/base/log.hpp"

#include <fmt/format.h>

#include <utility>

namespace cogent {
namespace {

std::string clock_text(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds + 0.5);
  if (total >= 3600) {
    return fmt::format("{}h{:02}m", total / 3600, total / 60 % 60);
  }
  return fmt::format("{}m{:02}s", total / 60, total % 60);
}

}  // namespace

Progress::Progress(std::string stage, std::int64_t first_step, std::int64_t total_steps)
    : stage_(std::move(stage)),
      first_step_(first_step),
      total_steps_(total_steps),
      start_(Clock::now()),
      last_(start_) {}

void Progress::report(const ProgressSample& sample) {
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  last_ = now;
  std::string line = fmt::format("{} step {}/{}", stage_, sample.step, total_steps_);
  if (seconds > 0) {
    line += fmt::format("  {:.0f} tokens/s", static_cast<double>(sample.tokens) / seconds);
  }
  if (sample.loss) {
    line += fmt::format("  loss {:.4f}", *sample.loss);
  }
  if (sample.reward) {
    line += fmt::format("  reward {:.3f}", *sample.reward);
  }
  const std::int64_t done = sample.step - first_step_;
  if (done > 0) {
    line += "  left " + clock_text(elapsed / static_cast<double>(done) *
                                   static_cast<double>(total_steps_ - sample.step));
  }
  log_line(LogLevel::kInfo, line);
}

}  // namespace cogent
