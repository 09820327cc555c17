#include "trainer/learner.hpp"

#include "core/base/error.hpp"
#include "core/base/fault.hpp"
#include "core/base/log.hpp"
#include "core/model/panels.hpp"
#include "trainer/schedule.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>
#include <optional>

namespace cogent::trainer {
namespace {

std::span<const float> floats_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// Slots of an update: all learners run as many, those with fewer micro-batches run empty ones.
std::size_t slot_count(const std::vector<std::vector<std::size_t>>& deal) {
  std::size_t most = 1;
  for (const std::vector<std::size_t>& batches : deal) {
    most = std::max(most, batches.size());
  }
  return most;
}

}  // namespace

std::int64_t grpo_updates(const RunConfig& config, std::int64_t groups) {
  const std::int64_t mini = config.grpo.mini_batch_prompts;
  const std::int64_t planned = std::max(groups, config.rollout.prompts_per_step);
  return config.grpo.num_iterations * (mini == 0 ? 1 : (planned + mini - 1) / mini);
}

std::int64_t replayed_updates(const RunConfig& config,
                              std::span<const std::vector<RolloutGroup>> steps) {
  std::int64_t updates = 0;
  for (const std::vector<RolloutGroup>& groups : steps) {
    updates += grpo_updates(config, static_cast<std::int64_t>(groups.size()));
  }
  return updates;
}

Learner::Learner(const RunConfig& config, const model::Transformer& model,
                 distributed::Communicator& learners, ShardedModel& policy,
                 FrozenWeights* reference, std::int64_t total_updates)
    : config_(config),
      model_(model),
      learners_(learners),
      policy_(policy),
      reference_(reference),
      total_updates_(total_updates) {}

Learner::MiniBatch Learner::prepare(std::span<const TrainSequence> all,
                                    std::span<const std::size_t> chosen) const {
  MiniBatch mini_batch;
  std::vector<std::int64_t> costs;
  for (const auto& indices : cut_micro_batches(all, chosen, config_.learner.micro_batch_tokens)) {
    costs.push_back(mini_batch.batches.emplace_back(pack(all, indices)).rows());
  }
  mini_batch.deal = deal_micro_batches(costs, learners_.size());
  mini_batch.old.resize(costs.size());
  mini_batch.reference.resize(costs.size());
  return mini_batch;
}

BatchSums Learner::gather_sums(const MiniBatch& mini_batch, std::span<const BatchSums> own) {
  constexpr std::int64_t kFields = sizeof(BatchSums) / sizeof(double);
  std::vector<std::int64_t> counts;
  for (const auto& batches : mini_batch.deal) {
    counts.push_back(static_cast<std::int64_t>(batches.size()) * kFields);
  }
  std::vector<BatchSums> copy(own.begin(), own.end());
  std::vector<BatchSums> by_rank(mini_batch.batches.size());
  const auto doubles = [](std::vector<BatchSums>& sums) {
    return distributed::Buffer(sums.data(), static_cast<std::int64_t>(sums.size()) * kFields,
                               distributed::DataType::kFloat64);
  };
  learners_.all_gather(doubles(copy), doubles(by_rank), counts, "sums of the loss").wait();
  std::vector<const BatchSums*> canonical(by_rank.size());
  const BatchSums* next = by_rank.data();
  for (const auto& batches : mini_batch.deal) {
    for (const std::size_t index : batches) {
      canonical[index] = next++;
    }
  }
  BatchSums total;
  for (const BatchSums* batch : canonical) {
    total.add(*batch);
  }
  return total;
}

std::vector<BatchSums> Learner::add_gradients(const MiniBatch& mini_batch, double temperature,
                                              const Objective& objective) {
  std::optional<model::PanelScope> panels;
  if (!policy_.gathers_units()) {
    panels.emplace(model_, policy_.weights());
  }
  const std::vector<std::size_t>& own = mini_batch.deal[static_cast<std::size_t>(learners_.rank())];
  const std::size_t slots = slot_count(mini_batch.deal);
  std::vector<BatchSums> sums;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    const bool last = slot + 1 == slots;
    if (slot >= own.size()) {
      policy_.empty_slot(last);
      continue;
    }
    const PackedBatch& batch = mini_batch.batches[own[slot]];
    BatchActivations activations;
    const model::TokenLogprobs forward = policy_.forward(batch, temperature, activations);
    const std::size_t count = batch.targets.size();
    const auto make = [&] { return at::empty({static_cast<std::int64_t>(count)}, at::kFloat); };
    const at::Tensor gradient = make();
    const at::Tensor entropy_gradient = mini_batch.entropy_bonus ? make() : at::Tensor();
    TokenGradients gradients{.logprob = {gradient.mutable_data_ptr<float>(), count}, .entropy = {}};
    if (mini_batch.entropy_bonus) {
      gradients.entropy = {entropy_gradient.mutable_data_ptr<float>(), count};
    }
    sums.push_back(
        objective(own[slot], floats_of(forward.logprob), floats_of(forward.entropy), gradients));
    policy_.backward(activations, gradient, entropy_gradient, last);
  }
  return sums;
}

BatchSums Learner::run_update(const MiniBatch& mini_batch, double temperature,
                              const Objective& objective, StepMetrics& metrics) {
  policy_.begin_update(static_cast<std::int64_t>(mini_batch.batches.size()));
  const std::vector<BatchSums> sums = add_gradients(mini_batch, temperature, objective);
  fault_point("update", position_);
  metrics.lr = learning_rate(config_.optimizer, position_, total_updates_);
  const UpdateResult update = policy_.apply(config_.optimizer, metrics.lr);
  metrics.grad_norm = update.grad_norm;
  metrics.reduction_seconds += update.reduction_seconds;
  metrics.optimizer_seconds += update.optimizer_seconds;
  ++position_;
  skipped_in_a_row_ = update.applied ? 0 : skipped_in_a_row_ + 1;
  if (!update.applied) {
    ++metrics.skipped;
    log_warning("update ", position_,
                " was skipped: a gradient is not finite, or past the range of numerics: exact (",
                skipped_in_a_row_, " in a row)");
    check(skipped_in_a_row_ < config_.optimizer.max_skipped, ErrorCode::kNumerics,
          skipped_in_a_row_,
          " updates in a row had a gradient that is not finite, optimizer.max_skipped is ",
          config_.optimizer.max_skipped, ": lower optimizer.lr or look at the data of these steps");
  }
  return gather_sums(mini_batch, sums);
}

StepMetrics Learner::sft_step(std::span<const TrainSequence> sequences) {
  StepMetrics metrics;
  std::vector<std::size_t> chosen(sequences.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  const MiniBatch mini_batch = prepare(sequences, chosen);
  for (const PackedBatch& batch : mini_batch.batches) {
    metrics.tokens += static_cast<std::int64_t>(batch.targets.size());
  }
  const double weight = 1 / static_cast<double>(std::max<std::int64_t>(1, metrics.tokens));
  const Objective likelihood = [&](std::size_t, std::span<const float> logprobs,
                                   std::span<const float>, TokenGradients gradients) {
    BatchSums sums;
    for (std::size_t t = 0; t < logprobs.size(); ++t) {
      sums.loss -= weight * static_cast<double>(logprobs[t]);
      gradients.logprob[t] = static_cast<float>(-weight);
    }
    return sums;
  };
  metrics.loss = run_update(mini_batch, 1.0, likelihood, metrics).loss;
  return metrics;
}

}  // namespace cogent::trainer
