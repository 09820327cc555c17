#include "trainer/learner.hpp"

#include "core/base/error.hpp"
#include "core/base/fault.hpp"
#include "core/base/log.hpp"
#include "core/model/panels.hpp"
#include "trainer/advantage.hpp"
#include "trainer/schedule.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace cogent::trainer {
namespace {

std::span<const float> floats_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

std::vector<float> copy_of(const at::Tensor& tensor) {
  const std::span<const float> values = floats_of(tensor);
  return {values.begin(), values.end()};
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

std::vector<TrainSequence> train_sequences(std::span<const RolloutGroup> groups,
                                           const GrpoSettings& settings) {
  std::vector<std::vector<double>> rewards;
  for (const RolloutGroup& group : groups) {
    std::vector<double>& out = rewards.emplace_back();
    for (const Completion& completion : group.completions) {
      out.push_back(completion.reward);
    }
  }
  const auto advantages = group_advantages(rewards, settings.scale_rewards);
  std::vector<TrainSequence> sequences;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t i = 0; i < groups[g].completions.size(); ++i) {
      const Completion& completion = groups[g].completions[i];
      sequences.push_back({.prompt_ids = groups[g].prompt_ids,
                           .completion_ids = completion.ids,
                           .old_logprobs = completion.logprobs,
                           .group = static_cast<std::uint32_t>(g),
                           .advantage = advantages[g][i],
                           .truncated = completion.finish == Finish::kLength});
    }
  }
  std::erase_if(sequences,
                [](const TrainSequence& sequence) { return sequence.completion_ids.empty(); });
  return sequences;
}

std::int64_t grpo_updates(const RunConfig& config, std::int64_t steps) {
  const std::int64_t mini = config.grpo.mini_batch_prompts;
  const std::int64_t prompts = config.rollout.prompts_per_step;
  return steps * config.grpo.num_iterations * (mini == 0 ? 1 : (prompts + mini - 1) / mini);
}

Learner::Learner(const RunConfig& config, const model::Transformer& model,
                 distributed::Communicator& learners, ShardedModel& policy,
                 const model::ModelWeights* reference, std::int64_t total_updates)
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

void Learner::score_batches(std::span<const TrainSequence> all, MiniBatch& mini_batch,
                            double temperature) const {
  // Where the policy scores at all; every learner sees all sequences, so all agree.
  std::optional<WholeWeights> whole;
  std::optional<model::PanelScope> panels;
  if (std::any_of(all.begin(), all.end(),
                  [](const TrainSequence& sequence) { return sequence.old_logprobs.empty(); })) {
    whole.emplace(policy_);
    panels.emplace(model_, policy_.weights());
  }
  for (const std::size_t index : mini_batch.deal[static_cast<std::size_t>(learners_.rank())]) {
    const PackedBatch& batch = mini_batch.batches[index];
    if (config_.grpo.beta > 0) {
      mini_batch.reference[index] = copy_of(score(model_, *reference_, batch, temperature).logprob);
    }
    std::vector<float>& old = mini_batch.old[index];
    for (const PackedSequence& sequence : batch.sequences) {
      const std::vector<float>& recorded = all[sequence.sequence].old_logprobs;
      if (recorded.empty() && old.empty()) {
        old = copy_of(score(model_, policy_.weights(), batch, temperature).logprob);
      }
    }
    old.resize(batch.targets.size());
    for (const PackedSequence& sequence : batch.sequences) {
      const std::vector<float>& recorded = all[sequence.sequence].old_logprobs;
      check(recorded.empty() || static_cast<std::int64_t>(recorded.size()) == sequence.count,
            ErrorCode::kData, "a completion of ", sequence.count, " tokens comes with ",
            recorded.size(), " log-probabilities");
      std::copy(recorded.begin(), recorded.end(), old.begin() + sequence.first);
    }
  }
}

Learner::BatchSums Learner::gather_sums(const MiniBatch& mini_batch,
                                        std::span<const BatchSums> own) {
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
    total.loss += batch->loss;
    total.kl += batch->kl;
    total.clipped += batch->clipped;
    total.entropy += batch->entropy;
    total.tokens += batch->tokens;
    total.deviation = std::max(total.deviation, batch->deviation);
  }
  return total;
}

std::vector<Learner::BatchSums> Learner::add_gradients(const MiniBatch& mini_batch,
                                                       double temperature,
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
    at::Tensor gradient = at::empty({static_cast<std::int64_t>(batch.targets.size())}, at::kFloat);
    sums.push_back(objective(own[slot], floats_of(forward.logprob), floats_of(forward.entropy),
                             {gradient.mutable_data_ptr<float>(), batch.targets.size()}));
    policy_.backward(activations, gradient, last);
  }
  return sums;
}

Learner::BatchSums Learner::run_update(const MiniBatch& mini_batch, double temperature,
                                       const Objective& objective, StepMetrics& metrics) {
  policy_.begin_update(static_cast<std::int64_t>(mini_batch.batches.size()));
  const std::vector<BatchSums> sums = add_gradients(mini_batch, temperature, objective);
  fault_point("update", position_);
  metrics.lr = learning_rate(config_.optimizer, position_, total_updates_);
  const UpdateResult update = policy_.apply(config_.optimizer, metrics.lr);
  metrics.grad_norm = update.grad_norm;
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
                                   std::span<const float>, std::span<float> gradient) {
    BatchSums sums;
    for (std::size_t t = 0; t < logprobs.size(); ++t) {
      sums.loss -= weight * static_cast<double>(logprobs[t]);
      gradient[t] = static_cast<float>(-weight);
    }
    return sums;
  };
  metrics.loss = run_update(mini_batch, 1.0, likelihood, metrics).loss;
  return metrics;
}

std::vector<Learner::MiniBatch> Learner::cut_mini_batches(std::span<const TrainSequence> all,
                                                          std::int64_t prompts) const {
  const GrpoSettings& grpo = config_.grpo;
  const std::int64_t size =
      grpo.mini_batch_prompts > 0 ? grpo.mini_batch_prompts : std::max<std::int64_t>(1, prompts);
  std::vector<MiniBatch> mini_batches;
  for (std::int64_t first = 0; first < prompts; first += size) {
    std::vector<std::size_t> chosen;
    LossNormaliser normaliser{.max_new_tokens = config_.rollout.max_new_tokens};
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].group < first || all[i].group >= first + size) {
        continue;
      }
      ++normaliser.sequences;
      if (!(grpo.mask_truncated && all[i].truncated)) {
        normaliser.tokens += static_cast<std::int64_t>(all[i].completion_ids.size());
        chosen.push_back(i);
      }
    }
    MiniBatch& mini_batch = mini_batches.emplace_back(prepare(all, chosen));
    mini_batch.normaliser = normaliser;
    score_batches(all, mini_batch, config_.rollout.temperature);
  }
  return mini_batches;
}

Learner::BatchSums Learner::clipped_surrogate(std::span<const TrainSequence> all,
                                              const MiniBatch& mini_batch, std::size_t index,
                                              std::span<const float> logprobs,
                                              std::span<const float> entropy,
                                              std::span<float> gradient) const {
  const std::vector<float>& reference = mini_batch.reference[index];
  BatchSums sums;
  for (const PackedSequence& sequence : mini_batch.batches[index].sequences) {
    const double weight = token_weight(config_.grpo.loss, mini_batch.normaliser, sequence.count);
    for (std::int64_t i = sequence.first; i < sequence.first + sequence.count; ++i) {
      const auto t = static_cast<std::size_t>(i);
      const TokenTerm term{.logprob = static_cast<double>(logprobs[t]),
                           .old = static_cast<double>(mini_batch.old[index][t]),
                           .reference = reference.empty() ? 0 : static_cast<double>(reference[t])};
      const TokenLoss loss = grpo_token_loss(config_.grpo, all[sequence.sequence].advantage, term);
      gradient[t] = static_cast<float>(weight * loss.gradient);
      sums.loss += weight * loss.value;
      sums.kl += loss.kl;
      sums.clipped += loss.clipped ? 1 : 0;
      sums.entropy += static_cast<double>(entropy[t]);
      sums.tokens += 1;
      sums.deviation = std::max(sums.deviation, std::abs(loss.ratio - 1));
    }
  }
  return sums;
}

StepMetrics Learner::grpo_step(std::span<const RolloutGroup> groups) {
  const std::vector<TrainSequence> sequences = train_sequences(groups, config_.grpo);
  const std::vector<MiniBatch> mini_batches =
      cut_mini_batches(sequences, static_cast<std::int64_t>(groups.size()));
  StepMetrics metrics;
  BatchSums step;
  double first_pass_tokens = 0;
  for (std::int64_t pass = 0; pass < config_.grpo.num_iterations; ++pass) {
    for (const MiniBatch& mini_batch : mini_batches) {
      const BatchSums sums = run_update(
          mini_batch, config_.rollout.temperature,
          [&](std::size_t index, std::span<const float> logprobs, std::span<const float> entropy,
              std::span<float> gradient) {
            return clipped_surrogate(sequences, mini_batch, index, logprobs, entropy, gradient);
          },
          metrics);
      if (pass == 0) {
        metrics.ratio_max_deviation =
            &mini_batch == &mini_batches.front() ? sums.deviation : metrics.ratio_max_deviation;
        metrics.tokens += mini_batch.normaliser.tokens;
        step.entropy += sums.entropy;
        first_pass_tokens += sums.tokens;
      }
      step.loss += sums.loss;
      step.kl += sums.kl;
      step.clipped += sums.clipped;
      step.tokens += sums.tokens;
    }
  }
  const double tokens = std::max(1.0, step.tokens);
  const auto updates = static_cast<double>(std::max<std::size_t>(1, mini_batches.size())) *
                       static_cast<double>(config_.grpo.num_iterations);
  metrics.loss = step.loss / updates;
  metrics.kl = step.kl / tokens;
  metrics.clip_ratio = step.clipped / tokens;
  metrics.entropy = step.entropy / std::max(1.0, first_pass_tokens);
  return metrics;
}

}  // namespace cogent::trainer
