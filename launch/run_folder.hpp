#pragma once

#include "core/base/json_lines.hpp"
#include "core/config/run_config.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace cogent::launch {

// What happens where the run folder stands already.
enum class ExistingRun { kContinue, kRefuse };

// run.dir and the files in it. One rank writes each file; every method says which.
class RunFolder {
 public:
  // Makes the folder, or checks that its config.yaml has the same arithmetic as `config` (an Error
  // of kUsage names the keys that differ), then writes config.yaml. For one rank; others use the
  // paths only after it is done.
  static void prepare(const RunConfig& config, ExistingRun existing);

  explicit RunFolder(const RunConfig& config) : dir_(config.run.dir) {}
  const std::filesystem::path& dir() const { return dir_; }
  std::filesystem::path metrics() const { return dir_ / "metrics.jsonl"; }
  std::filesystem::path evaluations() const { return dir_ / "evaluations.jsonl"; }
  std::filesystem::path rollouts() const { return dir_ / "rollouts" / "rollouts.jsonl"; }
  std::filesystem::path predictions(std::int64_t version) const;
  std::filesystem::path sampling() const { return dir_ / "sampling.json"; }
  std::filesystem::path checkpoints() const { return dir_ / "checkpoints"; }
  std::filesystem::path log(int rank) const {
    return dir_ / "log" / ("rank-" + std::to_string(rank) + ".log");
  }

  // On resume at this step: lines of later steps go, so that none stands twice. For one rank.
  void cut_back(std::int64_t step) const;

 private:
  std::filesystem::path dir_;
};

}  // namespace cogent::launch
