#pragma once

#include "distributed/checkpoint/checkpoint_store.hpp"
#include "launch/loaded_model.hpp"
#include "launch/run_folder.hpp"
#include "launch/stage.hpp"
#include "trainer/learner.hpp"
#include "trainer/sharded_model.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cogent::launch {

// What sft and grpo share around their steps: resume, checkpoints, stopping on request. Learners
// construct it with their parts, workers without; every method is collective over the world.
class TrainingRun {
 public:
  // What is trained on.
  struct DataDigests {
    std::uint64_t examples = 0;            // of the file's content
    std::optional<std::uint64_t> prompts;  // of their tokens; none in a replay
  };
  struct LearnerParts {
    distributed::Communicator& learners;
    trainer::ShardedModel& policy;
    trainer::Learner& learner;
  };
  // `lora`: of the adapter that is trained over the source; off where all weights are.
  TrainingRun(StageContext& context, const LoadedModel& source, const model::LoraConfig& lora,
              std::string stage, const DataDigests& data, std::optional<LearnerParts> parts);

  // Loads the newest valid checkpoint, if there is one, and cuts the logs back to it. Returns the
  // steps done.
  std::int64_t resume();
  // Behind step `done` of `total`: saves where it is due, as it is where the version is evaluated
  // and the best are kept, or where a stop was requested. Throws
  // kStopped, on all ranks alike, after such a save.
  void finish_step(std::int64_t done, std::int64_t total);

 private:
  void check_base(const distributed::CheckpointState& state) const;
  void check_continues(const distributed::CheckpointState& state) const;
  void save(std::int64_t done);
  // Learner 0: the older checkpoints that checkpoint.keep_best keeps at a save behind this step.
  std::vector<std::int64_t> best_before(std::int64_t done) const;

  StageContext& context_;
  RunFolder folder_;
  std::string stage_;
  DataDigests data_;
  std::optional<std::uint64_t> base_xxh3_;       // of the frozen weights, with LoRA
  std::optional<std::uint64_t> reference_xxh3_;  // learners, where it is a copy of the source
  std::optional<LearnerParts> parts_;
  std::unique_ptr<distributed::CheckpointStore> store_;  // learners
  std::map<std::string, std::string> model_files_;       // learner 0
  std::chrono::steady_clock::time_point last_save_;
};

// The model's small files that make a checkpoint a model.
std::map<std::string, std::string> model_files(const LoadedModel& source);

}  // namespace cogent::launch
