#include "launch/plan/workload.hpp"

#include "core/base/error.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/data/reader.hpp"
#include "core/records/rollout_json.hpp"
#include "launch/in_loop_evaluation.hpp"
#include "launch/run_shape.hpp"
#include "launch/sft_batches.hpp"
#include "rollout/engine.hpp"
#include "rollout/engine_memory.hpp"
#include "rollout/greedy.hpp"
#include "rollout/worker.hpp"
#include "trainer/learner.hpp"
#include "trainer/learner_memory.hpp"
#include "trainer/packing.hpp"
#include "trainer/train_sequences.hpp"

#include <algorithm>
#include <numeric>
#include <span>

namespace cogent::launch {
namespace {

// Adds up what the run's updates compute.
class Updates {
 public:
  Updates(const RunConfig& config, int learners, Workload& workload)
      : budget_(config.learner.micro_batch_tokens), workload_(workload) {
    workload_.passes.resize(static_cast<std::size_t>(learners));
  }

  // One update, cut and dealt as Learner does. Returns its trained tokens. `full`: completions may
  // turn out shorter than here, and then more of them fill a micro-batch.
  std::int64_t add(std::span<const TrainSequence> all, std::span<const std::size_t> chosen,
                   bool full) {
    std::vector<model::PassShape> shapes;
    std::vector<std::int64_t> costs;
    model::PassShape sum;
    for (const auto& indices : trainer::cut_micro_batches(all, chosen, budget_)) {
      shapes.push_back(trainer::shape_of(trainer::pack(all, indices)));
      costs.push_back(shapes.back().rows);
      sum.rows += shapes.back().rows;
      sum.targets += shapes.back().targets;
    }
    const auto deal = trainer::deal_micro_batches(costs, static_cast<int>(workload_.passes.size()));
    for (std::size_t learner = 0; learner < deal.size(); ++learner) {
      workload_.slots = std::max(workload_.slots, static_cast<std::int64_t>(deal[learner].size()));
      for (const std::size_t batch : deal[learner]) {
        keep_larger(full ? filled(shapes[batch], sum.rows) : shapes[batch],
                    workload_.passes[learner]);
      }
    }
    return sum.targets;
  }

 private:
  // As large as the budget lets any cut of these rows be.
  model::PassShape filled(const model::PassShape& shape, std::int64_t all_rows) const {
    const std::int64_t rows = std::max(shape.rows, std::min(budget_, all_rows));
    return {rows, shape.targets * rows / shape.rows, shape.tile_keys * rows / shape.rows,
            shape.pairs};
  }
  static void keep_larger(const model::PassShape& shape, model::PassShape& largest) {
    if (shape.rows > largest.rows ||
        (shape.rows == largest.rows && shape.targets > largest.targets)) {
      largest = shape;
    }
  }

  std::int64_t budget_;
  Workload& workload_;
};

std::vector<std::size_t> all_of(std::span<const TrainSequence> sequences) {
  std::vector<std::size_t> indices(sequences.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

void plan_sft(const RunConfig& config, const data::PromptBuilder& prompts, Updates& updates,
              Workload& workload) {
  const auto examples = data::read_examples(config.data.train, data::Split::kTrain);
  const auto sequences = sft_sequences(examples, prompts, config.sft.max_length, "data.train");
  const SftBatches batches(config, sequences.size());
  workload.steps = workload.updates = batches.total();
  for (std::int64_t step = 0; step < std::min(workload.steps, kPlannedSteps); ++step) {
    std::vector<TrainSequence> batch;
    for (const std::uint32_t row : batches.rows(step)) {
      batch.push_back(sequences[row]);
    }
    workload.tokens = std::max(workload.tokens, updates.add(batch, all_of(batch), false));
  }
}

// The mini-batches of one step. `chosen(first, groups)`: the sequences of these groups that are
// computed.
template <typename Chosen>
void add_step(const RunConfig& config, std::span<const TrainSequence> sequences,
              std::int64_t groups, bool full, const Chosen& chosen, Updates& updates,
              Workload& workload) {
  const std::int64_t mini = config.grpo.mini_batch_prompts;
  const std::int64_t size = mini > 0 ? mini : std::max<std::int64_t>(1, groups);
  std::int64_t tokens = 0;
  for (std::int64_t first = 0; first < groups; first += size) {
    tokens += updates.add(sequences, chosen(first, size), full);
  }
  workload.tokens = std::max(workload.tokens, tokens);
}

void plan_replay(const RunConfig& config, Updates& updates, Workload& workload) {
  const auto batches = read_rollout_batches(config.rollout.replay);
  check(!batches.empty(), ErrorCode::kData, config.rollout.replay, " holds no recorded rollouts");
  workload.steps = replayed_steps(config.train, batches.size());
  workload.updates = trainer::replayed_updates(
      config, std::span(batches).first(static_cast<std::size_t>(workload.steps)));
  for (std::int64_t step = 0; step < std::min(workload.steps, kPlannedSteps); ++step) {
    const auto& groups = batches[static_cast<std::size_t>(step)];
    const auto sequences = trainer::train_sequences(groups, config.grpo);
    for (const TrainSequence& sequence : sequences) {
      workload.scores_policy = workload.scores_policy || sequence.old_logprobs.empty();
    }
    add_step(
        config, sequences, static_cast<std::int64_t>(groups.size()), false,
        [&](std::int64_t first, std::int64_t size) {
          return trainer::select_sequences(sequences, config.grpo, first, size,
                                           config.rollout.max_new_tokens)
              .chosen;
        },
        updates, workload);
  }
}

// The sequences of a step whose completions all take the whole token budget.
std::vector<TrainSequence> longest_sequences(std::span<const RolloutRequest> requests) {
  std::vector<TrainSequence> sequences;
  for (std::size_t group = 0; group < requests.size(); ++group) {
    const RolloutRequest& request = requests[group];
    TrainSequence sequence;
    sequence.prompt_ids = request.prompt_ids;
    sequence.completion_ids.resize(static_cast<std::size_t>(request.sampling.max_new_tokens));
    sequence.group = static_cast<std::uint32_t>(group);
    sequences.insert(sequences.end(), request.group_size, sequence);
  }
  return sequences;
}

// Each worker's step with the largest KV cache.
class SamplingSteps {
 public:
  SamplingSteps(const distributed::Topology& topology, Workload& workload)
      : topology_(topology),
        workload_(workload),
        pages_(static_cast<std::size_t>(topology.workers()), -1) {
    workload_.sampling.resize(pages_.size());
  }

  void add(std::span<const RolloutRequest> requests) {
    std::vector<std::vector<RolloutRequest>> shares(pages_.size());
    for (std::size_t j = 0; j < requests.size(); ++j) {
      const int worker = topology_.worker_of_prompt(static_cast<std::int64_t>(j));
      shares[static_cast<std::size_t>(worker)].push_back(requests[j]);
    }
    for (std::size_t worker = 0; worker < shares.size(); ++worker) {
      const std::int64_t pages = rollout::pages_needed(shares[worker], rollout::EngineOptions());
      if (pages > pages_[worker]) {
        pages_[worker] = pages;
        workload_.sampling[worker] = std::move(shares[worker]);
      }
    }
  }

 private:
  const distributed::Topology& topology_;
  Workload& workload_;
  std::vector<std::int64_t> pages_;
};

// What a round of a step draws.
std::vector<RolloutRequest> round_requests(const RunConfig& config,
                                           const data::PromptBuilder& prompts,
                                           const std::vector<Example>& examples, std::int64_t step,
                                           std::int64_t round) {
  std::vector<RolloutRequest> requests;
  for (const std::uint32_t row : grpo_rows(config, examples.size(), step, round)) {
    requests.push_back(rollout::training_request(
        config, prompts.prompt_ids(examples[row]), examples[row].row,
        static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(round), prompts.end_ids()));
  }
  return requests;
}

void plan_drawn(const RunConfig& config, const data::PromptBuilder& prompts,
                const distributed::Topology& topology, Updates& updates, Workload& workload) {
  const auto examples = data::read_examples(config.data.train, data::Split::kTrain);
  workload.steps = grpo_steps(config, examples.size());
  workload.updates =
      workload.steps * trainer::grpo_updates(config, config.rollout.prompts_per_step);
  SamplingSteps sampling(topology, workload);
  for (std::int64_t step = 0; step < std::min(workload.steps, kPlannedSteps); ++step) {
    const std::vector<RolloutRequest> requests = round_requests(config, prompts, examples, step, 0);
    const std::vector<TrainSequence> sequences = longest_sequences(requests);
    const std::int64_t group = config.rollout.group_size;
    add_step(
        config, sequences, static_cast<std::int64_t>(requests.size()), true,
        [&](std::int64_t first, std::int64_t size) {
          std::vector<std::size_t> chosen(static_cast<std::size_t>(std::min<std::int64_t>(
              size * group, static_cast<std::int64_t>(sequences.size()) - first * group)));
          std::iota(chosen.begin(), chosen.end(), static_cast<std::size_t>(first * group));
          return chosen;
        },
        updates, workload);
    sampling.add(requests);
    if (config.grpo.dynamic_sampling) {
      // Rounds behind the second draw no more than it.
      sampling.add(round_requests(config, prompts, examples, step, 1));
    }
  }
}

// Of the first of `ranks` ranks that share the examples.
std::vector<RolloutRequest> evaluation_requests(const RunConfig& config,
                                                const std::vector<Example>& examples,
                                                const data::PromptBuilder& prompts, int ranks) {
  std::vector<RolloutRequest> requests;
  for (std::size_t i = 0; i < examples.size(); i += static_cast<std::size_t>(ranks)) {
    requests.push_back(
        rollout::greedy_request(prompts, examples[i], config.evaluate.max_new_tokens));
    requests.back().group_size = static_cast<std::uint32_t>(config.evaluate.samples);
  }
  return requests;
}

// The largest micro-batch of sft's loss on data.dev.
model::PassShape loss_shape(const RunConfig& config, const std::vector<Example>& examples,
                            const data::PromptBuilder& prompts) {
  const auto sequences = sft_sequences(examples, prompts, config.sft.max_length, "data.dev");
  model::PassShape largest;
  for (const auto& indices : trainer::cut_micro_batches(sequences, all_of(sequences),
                                                        config.learner.micro_batch_tokens)) {
    const model::PassShape shape = trainer::shape_of(trainer::pack(sequences, indices));
    largest = shape.rows > largest.rows ? shape : largest;
  }
  return largest;
}

void plan_evaluation(const RunConfig& config, Stage stage, const data::PromptBuilder& prompts,
                     int ranks, Workload& workload) {
  const std::vector<Example> examples = development_examples(config);
  const EvaluationMeasure measure = config.train.eval;
  if (stage == Stage::kSft && measure != EvaluationMeasure::kF1) {
    workload.evaluation_loss = loss_shape(config, examples, prompts);
  }
  if (stage != Stage::kSft || measure != EvaluationMeasure::kLoss) {
    workload.evaluation = evaluation_requests(config, examples, prompts, ranks);
  }
}

}  // namespace

Workload workload_of(const RunConfig& config, Stage stage, const LoadedModel& source,
                     const distributed::Topology& topology) {
  const data::PromptBuilder prompts(config, source.tokenizer, source.weights->config().eos_ids);
  Workload workload;
  const int drawing = topology.workers() > 0 ? topology.workers() : topology.learners();
  if (stage == Stage::kEvaluate) {
    const bool has_test = !config.data.test.empty();
    workload.evaluation =
        evaluation_requests(config,
                            data::read_examples(has_test ? config.data.test : config.data.dev,
                                                has_test ? data::Split::kTest : data::Split::kDev),
                            prompts, drawing);
    return workload;
  }
  Updates updates(config, topology.learners(), workload);
  if (stage == Stage::kSft) {
    plan_sft(config, prompts, updates, workload);
  } else if (!config.rollout.replay.empty()) {
    plan_replay(config, updates, workload);
  } else {
    plan_drawn(config, prompts, topology, updates, workload);
  }
  if (stage == Stage::kGrpo) {
    workload.scores_policy =
        workload.scores_policy || config.grpo.old_policy == OldPolicy::kProximal;
  }
  if (config.train.eval_every > 0) {
    plan_evaluation(config, stage, prompts, drawing, workload);
  }
  return workload;
}

}  // namespace cogent::launch
