#pragma once

#include "core/config/run_config.hpp"
#include "core/records/records.hpp"
#include "distributed/communicator.hpp"
#include "trainer/losses.hpp"
#include "trainer/packing.hpp"
#include "trainer/sharded_model.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace cogent::trainer {

// One line of metrics.jsonl, without what only the caller knows (time, rewards).
struct StepMetrics {
  double loss = 0;           // mean over the step's updates
  double grad_norm = 0;      // of the last update, before clipping
  double lr = 0;             // of the last update
  std::int64_t tokens = 0;   // trained tokens of the step, each counted once
  std::int64_t skipped = 0;  // updates skipped for a gradient that is not finite
  // GRPO only.
  double kl = 0;                   // mean k3 over the step's trained tokens and updates
  double clip_ratio = 0;           // share of tokens whose clipped branch was taken
  double entropy = 0;              // mean over the tokens of the first pass
  double ratio_max_deviation = 0;  // max |ratio - 1| in the first update
};

// A learner rank: the policy, its schedule, and the two objectives over the same loop. Every public
// method is collective over the learners; all ranks pass the same sequences or groups in the same
// order.
class Learner {
 public:
  // `reference` may be null where grpo.beta is 0. All references must outlive the learner.
  // total_updates: length of the schedule.
  Learner(const RunConfig& config, const model::Transformer& model,
          distributed::Communicator& learners, ShardedModel& policy,
          const model::ModelWeights* reference, std::int64_t total_updates);

  // One update: mean negative log-likelihood over the completion tokens of these sequences.
  StepMetrics sft_step(std::span<const TrainSequence> sequences);

  // One step: advantages over the groups, then num_iterations passes over the mini-batches.
  // Completions without recorded log-probabilities have them computed first.
  StepMetrics grpo_step(std::span<const RolloutGroup> groups);

  // Position of the schedule: updates done, skipped ones included. Set on resume.
  std::int64_t schedule_position() const { return position_; }
  void set_schedule_position(std::int64_t position) { position_ = position; }
  std::int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  void set_skipped_in_a_row(std::int64_t count) { skipped_in_a_row_ = count; }

 private:
  // Sums over the trained tokens of one micro-batch, float64; gathered and added in canonical
  // order.
  struct BatchSums {
    double loss = 0;
    double kl = 0;
    double clipped = 0;
    double entropy = 0;
    double tokens = 0;
    double deviation = 0;  // a maximum, not a sum
  };
  // One update's share of the step: a run of whole prompts, cut and dealt once and repeated by
  // every pass.
  struct MiniBatch {
    std::vector<PackedBatch> batches;            // canonical order
    std::vector<std::vector<std::size_t>> deal;  // [learners] indices into batches
    LossNormaliser normaliser;
    // Of this learner's batches, aligned with their targets; empty elsewhere and where not needed.
    std::vector<std::vector<float>> old, reference;
  };
  // Fills gradient [trained tokens of the batch] and returns its sums. `index`: which batch of the
  // mini-batch.
  using Objective =
      std::function<BatchSums(std::size_t index, std::span<const float> logprobs,
                              std::span<const float> entropy, std::span<float> gradient)>;

  std::vector<MiniBatch> cut_mini_batches(std::span<const TrainSequence> all,
                                          std::int64_t prompts) const;
  BatchSums clipped_surrogate(std::span<const TrainSequence> all, const MiniBatch& mini_batch,
                              std::size_t index, std::span<const float> logprobs,
                              std::span<const float> entropy, std::span<float> gradient) const;
  MiniBatch prepare(std::span<const TrainSequence> all, std::span<const std::size_t> chosen) const;
  void score_batches(std::span<const TrainSequence> all, MiniBatch& mini_batch,
                     double temperature) const;
  // Of this learner's micro-batches, with their sums in order.
  std::vector<BatchSums> add_gradients(const MiniBatch& mini_batch, double temperature,
                                       const Objective& objective);
  BatchSums run_update(const MiniBatch& mini_batch, double temperature, const Objective& objective,
                       StepMetrics& metrics);
  BatchSums gather_sums(const MiniBatch& mini_batch, std::span<const BatchSums> own);

  const RunConfig& config_;
  const model::Transformer& model_;
  distributed::Communicator& learners_;
  ShardedModel& policy_;
  const model::ModelWeights* reference_;
  std::int64_t total_updates_;
  std::int64_t position_ = 0;
  std::int64_t skipped_in_a_row_ = 0;
};

// Sequences of a step, in order of groups and completions, with their advantages; empty completions
// are left out (a stop at once).
std::vector<TrainSequence> train_sequences(std::span<const RolloutGroup> groups,
                                           const GrpoSettings& settings);

// Updates of a run: steps * passes * mini-batches.
std::int64_t grpo_updates(const RunConfig& config, std::int64_t steps);

}  // namespace cogent::trainer
