#include "core/base/error.hpp"
#include "core/model/panels.hpp"
#include "trainer/advantage.hpp"
#include "trainer/kl.hpp"
#include "trainer/learner.hpp"
#include "trainer/schedule.hpp"
#include "trainer/train_sequences.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

namespace cogent::trainer {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<float> copy_of(const at::Tensor& tensor) {
  const float* values = tensor.const_data_ptr<float>();
  return {values, values + tensor.numel()};
}

// Metrics of a step from the sums of its updates.
struct StepSums {
  BatchSums all, first_pass, first_update;
  std::int64_t updates = 0;

  void add(const BatchSums& update, std::int64_t pass) {
    if (updates++ == 0) {
      first_update = update;
    }
    if (pass == 0) {
      first_pass.add(update);
    }
    all.add(update);
  }

  void fill(StepMetrics& metrics) const {
    metrics.updates = updates;
    const double tokens = std::max(1.0, all.tokens);
    metrics.loss = all.loss / static_cast<double>(std::max<std::int64_t>(1, updates));
    metrics.kl = all.kl / tokens;
    metrics.entropy = first_pass.tokens > 0 ? first_pass.entropy / first_pass.tokens : kNaN;
    metrics.ratio_mean = all.tokens > 0 ? all.ratio / tokens : kNaN;
    metrics.ratio_max_deviation = first_update.ratio_deviation;
    metrics.clipped_low = all.clipped_low / tokens;
    metrics.clipped_high = all.clipped_high / tokens;
    metrics.clipped_delta = all.clipped_delta / tokens;
    metrics.importance_mean = all.tokens > 0 ? all.importance / tokens : kNaN;
    metrics.importance_max = all.tokens > 0 ? all.importance_max : kNaN;
    metrics.logprob_differences = first_update.differences;
  }
};

void fill_advantages(std::span<const TrainSequence> sequences, StepMetrics& metrics) {
  std::vector<double> advantages;
  for (const TrainSequence& sequence : sequences) {
    advantages.push_back(sequence.advantage);
  }
  metrics.advantage_mean = mean_of(advantages);
  metrics.advantage_std = sample_std(advantages);
}

}  // namespace

// Reordered once for all that a step scores, where it scores anything and no units are gathered.
struct Learner::PolicyScope {
  std::optional<model::PanelScope> panels;

  void open(const model::Transformer& model, ShardedModel& policy) {
    if (!panels && !policy.gathers_units()) {
      panels.emplace(model, policy.weights());
    }
  }
  void close() { panels.reset(); }
};

template <typename Weights>
void Learner::score_chosen(const MiniBatch& mini_batch, const std::vector<bool>& chosen,
                           Weights& weights, std::vector<std::vector<float>>& logprobs) const {
  std::vector<std::size_t> own;
  std::size_t slots = 0;
  for (std::size_t learner = 0; learner < mini_batch.deal.size(); ++learner) {
    std::vector<std::size_t> indices;
    std::ranges::copy_if(mini_batch.deal[learner], std::back_inserter(indices),
                         [&](std::size_t index) { return chosen[index]; });
    slots = std::max(slots, indices.size());
    if (learner == static_cast<std::size_t>(learners_.rank())) {
      own = std::move(indices);
    }
  }
  for (std::size_t slot = 0; slot < slots; ++slot) {
    if (slot >= own.size()) {
      weights.empty_score();
      continue;
    }
    const PackedBatch& batch = mini_batch.batches[own[slot]];
    logprobs[own[slot]] = copy_of(weights.score(batch, config_.rollout.temperature).logprob);
  }
}

void Learner::score_batches(std::span<const TrainSequence> all, MiniBatch& mini_batch,
                            Reference reference, PolicyScope& policy) const {
  const bool proximal = config_.grpo.old_policy == OldPolicy::kProximal;
  const auto needs_score = [&](const PackedBatch& batch) {
    return std::ranges::any_of(batch.sequences, [&](const PackedSequence& sequence) {
      return proximal || all[sequence.sequence].old_logprobs.empty();
    });
  };
  if (reference == Reference::kScore) {
    const std::vector<bool> all_batches(mini_batch.batches.size(), true);
    score_chosen(mini_batch, all_batches, *reference_, mini_batch.reference);
  }
  std::vector<bool> scored;
  std::ranges::transform(mini_batch.batches, std::back_inserter(scored), needs_score);
  if (std::ranges::find(scored, true) != scored.end()) {
    policy.open(model_, policy_);
    score_chosen(mini_batch, scored, policy_, mini_batch.old);
  }
  for (const std::size_t index : mini_batch.deal[static_cast<std::size_t>(learners_.rank())]) {
    const PackedBatch& batch = mini_batch.batches[index];
    std::vector<float>& old = mini_batch.old[index];
    old.resize(batch.targets.size());
    for (const PackedSequence& sequence : batch.sequences) {
      const std::vector<float>& recorded = all[sequence.sequence].old_logprobs;
      check(recorded.empty() || static_cast<std::int64_t>(recorded.size()) == sequence.count,
            ErrorCode::kData, "a completion of ", sequence.count, " tokens comes with ",
            recorded.size(), " log-probabilities");
      if (!proximal) {
        std::copy(recorded.begin(), recorded.end(), old.begin() + sequence.first);
      }
    }
  }
}

std::vector<Learner::MiniBatch> Learner::cut_mini_batches(std::span<const TrainSequence> all,
                                                          std::int64_t prompts, PolicyScope& policy,
                                                          StepMetrics& metrics) const {
  const GrpoSettings& grpo = config_.grpo;
  const std::int64_t size =
      grpo.mini_batch_prompts > 0 ? grpo.mini_batch_prompts : std::max<std::int64_t>(1, prompts);
  std::vector<MiniBatch> mini_batches;
  for (std::int64_t first = 0; first < prompts; first += size) {
    const Selection selection =
        select_sequences(all, grpo, first, size, config_.rollout.max_new_tokens);
    metrics.tokens += selection.normaliser.tokens;
    metrics.skipped_sequences += selection.without_gradient;
    MiniBatch& mini_batch = mini_batches.emplace_back(prepare(all, selection.chosen));
    mini_batch.normaliser = selection.normaliser;
    mini_batch.entropy_bonus = grpo.entropy_coef > 0;
    score_batches(all, mini_batch, has_kl_loss(grpo) ? Reference::kScore : Reference::kNotNeeded,
                  policy);
  }
  return mini_batches;
}

std::vector<double> Learner::sequence_kl(std::span<const TrainSequence> all,
                                         PolicyScope& policy) const {
  std::vector<std::size_t> chosen(all.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  MiniBatch scored = prepare(all, chosen);
  score_batches(all, scored, Reference::kScore, policy);
  std::vector<double> sums(all.size(), 0.0);  // 0 but on the one learner that has the sequence
  for (const std::size_t index : scored.deal[static_cast<std::size_t>(learners_.rank())]) {
    for (const PackedSequence& sequence : scored.batches[index].sequences) {
      for (std::int64_t i = sequence.first; i < sequence.first + sequence.count; ++i) {
        const auto t = static_cast<std::size_t>(i);
        sums[sequence.sequence] +=
            kl_term(config_.grpo.kl_estimator, static_cast<double>(scored.old[index][t]),
                    static_cast<double>(scored.reference[index][t]))
                .value;
      }
    }
  }
  learners_
      .all_reduce(distributed::Buffer(std::span(sums)), distributed::ReduceOp::kSum,
                  "KL of the step's sequences")
      .wait();
  return sums;
}

BatchSums Learner::policy_objective(std::span<const TrainSequence> all, const MiniBatch& mini_batch,
                                    std::size_t index, std::int64_t update,
                                    std::span<const float> logprobs, std::span<const float> entropy,
                                    TokenGradients gradients) const {
  const std::vector<float>& old = mini_batch.old[index];
  const std::vector<float>& reference = mini_batch.reference[index];
  BatchSums sums;
  std::vector<TokenTerm> tokens;
  for (const PackedSequence& sequence : mini_batch.batches[index].sequences) {
    const std::vector<float>& recorded = all[sequence.sequence].old_logprobs;
    const auto first = static_cast<std::size_t>(sequence.first);
    const auto count = static_cast<std::size_t>(sequence.count);
    tokens.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t t = first + i;
      const float behavior = recorded.empty() ? old[t] : recorded[i];
      tokens[i] = {.logprob = static_cast<double>(logprobs[t]),
                   .old = static_cast<double>(old[t]),
                   .behavior = static_cast<double>(behavior),
                   .reference = reference.empty() ? 0 : static_cast<double>(reference[t]),
                   .entropy = static_cast<double>(entropy[t])};
      if (update == 0 && !recorded.empty()) {
        sums.differences[difference_bin(tokens[i].logprob - tokens[i].behavior)] += 1;
      }
    }
    const std::vector<TokenLoss> losses =
        sequence_loss(config_.grpo, all[sequence.sequence].advantage, tokens);
    const double weight = token_weight(config_.grpo.loss, mini_batch.normaliser, sequence.count);
    for (std::size_t i = 0; i < count; ++i) {
      gradients.logprob[first + i] = static_cast<float>(weight * losses[i].gradient);
      if (!gradients.entropy.empty()) {
        gradients.entropy[first + i] = static_cast<float>(weight * losses[i].entropy_gradient);
      }
      sums.add(losses[i], weight, tokens[i].entropy);
    }
  }
  return sums;
}

StepMetrics Learner::grpo_step(std::span<const RolloutGroup> groups) {
  const GrpoSettings& grpo = config_.grpo;
  StepMetrics metrics;
  const std::int64_t first_update = position_;
  metrics.lr = learning_rate(config_.optimizer, first_update, total_updates_);
  std::vector<TrainSequence> sequences = train_sequences(groups, grpo);
  std::vector<double> kl;
  PolicyScope policy;
  if (grpo.beta > 0 && grpo.kl_in == KlPlace::kReward) {
    kl = sequence_kl(sequences, policy);
    take_kl_from_rewards(groups, grpo, kl, sequences);
  }
  fill_advantages(sequences, metrics);
  const std::vector<MiniBatch> mini_batches =
      cut_mini_batches(sequences, static_cast<std::int64_t>(groups.size()), policy, metrics);
  policy.close();  // no update may run inside it
  StepSums step;
  for (std::int64_t pass = 0; pass < grpo.num_iterations; ++pass) {
    for (const MiniBatch& mini_batch : mini_batches) {
      const BatchSums sums = run_update(
          mini_batch, config_.rollout.temperature,
          [&](std::size_t index, std::span<const float> logprobs, std::span<const float> entropy,
              TokenGradients gradients) {
            return policy_objective(sequences, mini_batch, index, step.updates, logprobs, entropy,
                                    gradients);
          },
          metrics);
      step.add(sums, pass);
    }
  }
  step.fill(metrics);
  // A step that is short of groups makes fewer updates: the schedule goes on as if it had made all.
  position_ = first_update + grpo_updates(config_, static_cast<std::int64_t>(groups.size()));
  if (!kl.empty()) {
    std::int64_t tokens = 0;
    for (const TrainSequence& sequence : sequences) {
      tokens += static_cast<std::int64_t>(sequence.completion_ids.size());
    }
    metrics.kl = std::accumulate(kl.begin(), kl.end(), 0.0) / static_cast<double>(tokens);
  }
  return metrics;
}

}  // namespace cogent::trainer
