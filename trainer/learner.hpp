#pragma once

#include "core/config/run_config.hpp"
#include "core/records/records.hpp"
#include "distributed/communicator.hpp"
#include "trainer/aggregation.hpp"
#include "trainer/batch_sums.hpp"
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
  double lr = 0;             // of the last update; where there is none, of the next
  std::int64_t tokens = 0;   // trained tokens of the step, each counted once
  std::int64_t skipped = 0;  // updates skipped for a gradient that is not finite
  std::int64_t updates = 0;  // of the step, skipped ones included; 0 where it has no group
  // Of the step's updates, on this learner: UpdateResult.
  double reduction_seconds = 0, optimizer_seconds = 0;
  // GRPO only. Means over tokens are means over the tokens that were computed, in all updates of
  // the step unless stated: sequences without any gradient are not.
  std::int64_t skipped_sequences = 0;  // not computed, their gradient is exactly 0
  double kl = 0;                       // mean of grpo.kl_estimator; 0 where beta is 0
  double ratio_max_deviation = 0;      // max |ratio - 1| in the first update
  double clipped_low = 0, clipped_high = 0, clipped_delta = 0;  // shares of the tokens, by bound
  double advantage_mean = 0, advantage_std = 0;                 // over the step's sequences
  // These four are NaN where no token was computed.
  double entropy = 0;  // mean over the first pass
  double ratio_mean = 0;
  double importance_mean = 0, importance_max = 0;  // weights behaviour -> proximal as used
  // |sampler - learner| log-probability in the first update, tokens that came with one.
  DifferenceCounts logprob_differences = {};
};

// A learner rank: the policy, its schedule, and the two objectives over the same loop. Every public
// method is collective over the learners; all ranks pass the same sequences or groups in the same
// order.
class Learner {
 public:
  // `reference` may be null where grpo.beta is 0, and is scored without any adapter. All references
  // must outlive the learner.
  // total_updates: length of the schedule.
  Learner(const RunConfig& config, const model::Transformer& model,
          distributed::Communicator& learners, ShardedModel& policy, FrozenWeights* reference,
          std::int64_t total_updates);

  // One update: mean negative log-likelihood over the completion tokens of these sequences.
  StepMetrics sft_step(std::span<const TrainSequence> sequences);

  // One step: advantages over the groups, then num_iterations passes over the mini-batches.
  // Completions without recorded log-probabilities have them computed first. Without a group there
  // is no update; fewer groups than rollout.prompts_per_step may be fewer updates. The schedule
  // moves on by a whole step all the same.
  StepMetrics grpo_step(std::span<const RolloutGroup> groups);

  // Position of the schedule: updates done, skipped ones included. Set on resume.
  std::int64_t schedule_position() const { return position_; }
  void set_schedule_position(std::int64_t position) { position_ = position; }
  std::int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  void set_skipped_in_a_row(std::int64_t count) { skipped_in_a_row_ = count; }

 private:
  // One update's share of the step: a run of whole prompts, cut and dealt once and repeated by
  // every pass.
  struct MiniBatch {
    std::vector<PackedBatch> batches;            // canonical order
    std::vector<std::vector<std::size_t>> deal;  // [learners] indices into batches
    LossNormaliser normaliser;
    // Of this learner's batches, aligned with their targets; empty elsewhere and where not needed.
    // old: what the ratio is relative to.
    std::vector<std::vector<float>> old, reference;
    bool entropy_bonus = false;  // the objective has a gradient by the entropies
  };
  // d loss / d log-probability and d loss / d entropy of a micro-batch's trained tokens, to be
  // filled; `entropy` is empty where there is no entropy bonus.
  struct TokenGradients {
    std::span<float> logprob, entropy;
  };
  enum class Reference { kScore, kNotNeeded };
  struct PolicyScope;  // the policy's weights as scoring reads them
  // Fills the gradients and returns the batch's sums. `index`: which batch of the
  // mini-batch.
  using Objective =
      std::function<BatchSums(std::size_t index, std::span<const float> logprobs,
                              std::span<const float> entropy, TokenGradients gradients)>;

  // The mini-batches of a step, scored. Counts what is left out for having no gradient. Collective.
  std::vector<MiniBatch> cut_mini_batches(std::span<const TrainSequence> all, std::int64_t prompts,
                                          PolicyScope& policy, StepMetrics& metrics) const;
  // Sums of grpo.kl_estimator over the tokens of each sequence, between old and reference policy.
  // Collective.
  std::vector<double> sequence_kl(std::span<const TrainSequence> all, PolicyScope& policy) const;
  // `update`: counted from 0 within the step.
  BatchSums policy_objective(std::span<const TrainSequence> all, const MiniBatch& mini_batch,
                             std::size_t index, std::int64_t update,
                             std::span<const float> logprobs, std::span<const float> entropy,
                             TokenGradients gradients) const;
  MiniBatch prepare(std::span<const TrainSequence> all, std::span<const std::size_t> chosen) const;
  // Of those of this learner's batches that are chosen, by the policy or by the reference.
  // Collective: all learners choose from all batches alike.
  template <typename Weights>
  void score_chosen(const MiniBatch& mini_batch, const std::vector<bool>& chosen, Weights& weights,
                    std::vector<std::vector<float>>& logprobs) const;
  // Collective: opens the scope where the policy scores any of the mini-batch.
  void score_batches(std::span<const TrainSequence> all, MiniBatch& mini_batch, Reference reference,
                     PolicyScope& policy) const;
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
  FrozenWeights* reference_;
  std::int64_t total_updates_;
  std::int64_t position_ = 0;
  std::int64_t skipped_in_a_row_ = 0;
};

// Updates by which a step of this many groups moves the schedule: passes * mini-batches, and as
// many as rollout.prompts_per_step groups would have where it has fewer.
std::int64_t grpo_updates(const RunConfig& config, std::int64_t groups);
// The same of all steps of a replay.
std::int64_t replayed_updates(const RunConfig& config,
                              std::span<const std::vector<RolloutGroup>> steps);

}  // namespace cogent::trainer
