#include "core/base/fault.hpp"
#include "core/base/hash.hpp"
#include "core/base/log.hpp"
#include "core/data/order.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/data/reader.hpp"
#include "core/model/panels.hpp"
#include "core/records/rollout_json.hpp"
#include "distributed/weight_channel.hpp"
#include "launch/in_loop_evaluation.hpp"
#include "launch/stages.hpp"
#include "launch/step_log.hpp"
#include "launch/training_run.hpp"
#include "rollout/worker.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>

namespace cogent::launch {
namespace {

constexpr int kGroupTag = 2;    // a worker's groups for one learner
constexpr int kVersionTag = 3;  // learner 0 to a worker: the next version is on its way

// What every rank reads before the roles part.
struct GrpoInputs {
  LoadedModel source;
  std::vector<Example> examples;                  // empty with replay
  std::vector<std::vector<RolloutGroup>> replay;  // empty without
  std::int64_t steps = 0;
  std::uint64_t data_digest = 0;
};

GrpoInputs read_inputs(const RunConfig& config) {
  GrpoInputs inputs{open_model(config.model.path), {}, {}, 0, 0};
  if (!config.rollout.replay.empty()) {
    inputs.replay = read_rollout_batches(config.rollout.replay);
    check(!inputs.replay.empty(), ErrorCode::kData, config.rollout.replay,
          " holds no recorded rollouts");
    inputs.steps = static_cast<std::int64_t>(inputs.replay.size());
    if (config.train.steps > 0) {
      inputs.steps = std::min(inputs.steps, config.train.steps);
    }
    for (const auto& batch : inputs.replay) {
      const std::vector<std::byte> bytes = encode_groups(batch);
      inputs.data_digest = inputs.data_digest * 31 + xxh3(std::span<const std::byte>(bytes));
    }
    return inputs;
  }
  inputs.examples = data::read_examples(config.data.train, data::Split::kTrain);
  inputs.data_digest = data::data_digest(inputs.examples);
  const std::uint32_t per_epoch =
      data::grpo_steps_per_epoch(static_cast<std::uint32_t>(inputs.examples.size()),
                                 static_cast<std::uint32_t>(config.rollout.prompts_per_step));
  inputs.steps = config.train.steps > 0
                     ? config.train.steps
                     : static_cast<std::int64_t>(
                           std::ceil(config.train.epochs * static_cast<double>(per_epoch)));
  return inputs;
}

// The learner's half of a rank.
struct LearnerHalf {
  LearnerHalf(const RunConfig& config, const model::Transformer& model,
              distributed::Communicator& learners, const LoadedModel& source,
              std::int64_t total_updates)
      : policy(model, learners, config.learner, config.numerics),
        reference(config.grpo.beta > 0 ? std::optional(model::load_weights(*source.weights))
                                       : std::nullopt),
        learner(config, model, learners, policy, reference ? &*reference : nullptr, total_updates) {
    policy.load(*source.weights);
    if (reference) {
      reference_panels.emplace(model, *reference);
    }
  }
  trainer::ShardedModel policy;
  std::optional<model::ModelWeights> reference;
  std::optional<model::PanelScope> reference_panels;  // frozen: it stays as it is read
  trainer::Learner learner;
};

// The worker's half: its own copy of the weights, or the learner's where one rank is both.
struct WorkerHalf {
  WorkerHalf(const StageContext& context, const model::Transformer& model, const GrpoInputs& inputs,
             const data::PromptBuilder& prompts, distributed::Communicator& workers,
             LearnerHalf* learner)
      : own(learner == nullptr ? std::optional(model::allocate_weights(model.units()))
                               : std::nullopt),
        weights(learner == nullptr ? *own : learner->policy.weights()),
        worker(context.config, model, weights, inputs.source.tokenizer, prompts.end_ids(),
               context.reward_process),
        evaluation(context, model, weights, inputs.source.tokenizer, prompts, workers) {}
  std::span<float> own_weights(std::size_t unit) const {
    const at::Tensor& flat = own->flat[unit];
    return {flat.mutable_data_ptr<float>(), static_cast<std::size_t>(flat.numel())};
  }

  std::optional<model::ModelWeights> own;
  model::ModelWeights& weights;
  rollout::Worker worker;
  InLoopEvaluation evaluation;
};

// A line every ten seconds while a step's completions are drawn.
class SamplingProgress {
 public:
  explicit SamplingProgress(std::int64_t step) : step_(step) {}

  void operator()(const rollout::EngineProgress& state) {
    const Clock::time_point now = Clock::now();
    if (now - last_ < std::chrono::seconds(10)) {
      return;
    }
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    log_info("grpo step ", step_, ": ", state.finished, " of ", state.completions, " completions, ",
             std::llround(static_cast<double>(state.completion_tokens) / seconds), " tokens/s");
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::int64_t step_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

// One run of the stage on one rank. A step reads top to bottom in run().
class GrpoRun {
 public:
  GrpoRun(StageContext& context, GrpoInputs inputs)
      : context_(context),
        config_(context.config),
        inputs_(std::move(inputs)),
        folder_(config_),
        model_(inputs_.source.weights->config(), model::cpu_ops()),
        layout_(model_.units(), context.topology.learners()),
        prompts_(config_, inputs_.source.tokenizer, model_.config().eos_ids),
        learners_(communicator(ranks_of_learners(), "learners")),
        workers_(communicator(ranks_of_workers(), "workers")),
        channel_(context.session, context.topology) {
    if (learners_) {
      learner_ = std::make_unique<LearnerHalf>(config_, model_, *learners_, inputs_.source,
                                               trainer::grpo_updates(config_, inputs_.steps));
    }
    if (workers_) {
      worker_ = std::make_unique<WorkerHalf>(context_, model_, inputs_, prompts_, *workers_,
                                             learner_.get());
    }
  }

  void run() {
    std::optional<TrainingRun::LearnerParts> parts;
    if (learner_) {
      parts.emplace(TrainingRun::LearnerParts{*learners_, learner_->policy, learner_->learner});
    }
    TrainingRun run(context_, inputs_.source, "grpo", inputs_.data_digest, parts);
    const std::int64_t first = run.resume();
    publish(first);
    StepLog log(folder_, "grpo", first, inputs_.steps, writes());
    std::optional<JsonLineFile> record;
    if (writes() && config_.rollout.record) {
      record.emplace(folder_.rollouts());
    }
    for (std::int64_t step = first; step < inputs_.steps; ++step) {
      if (worker_ && worker_->evaluation.due(step)) {
        measure(step);
      }
      log.begin();
      if (worker_) {
        send_groups(step, draw(step));
      }
      if (learner_) {
        const std::vector<RolloutGroup> groups = collect(step);
        log.sampled();
        for (std::size_t i = 0; record && i < groups.size(); ++i) {
          record->append(to_json(groups[i]));
        }
        const trainer::StepMetrics metrics = learner_->learner.grpo_step(groups);
        log.end(step + 1, metrics, learner_->policy.weights_xxh3(), groups,
                inputs_.replay.empty() ? config_.rollout.group_size : 0);
      }
      publish(step + 1);
      run.finish_step(step + 1, inputs_.steps);
    }
    if (worker_ && worker_->evaluation.due_last()) {
      measure(inputs_.steps);
    }
  }

 private:
  bool writes() const { return context_.seat().learner == 0; }

  std::vector<int> ranks_of_learners() const {
    std::vector<int> ranks;
    for (int i = 0; i < context_.topology.learners(); ++i) {
      ranks.push_back(context_.topology.learner_rank(i));
    }
    return ranks;
  }
  std::vector<int> ranks_of_workers() const {
    std::vector<int> ranks;
    for (int i = 0; i < context_.topology.workers(); ++i) {
      ranks.push_back(context_.topology.worker_rank(i));
    }
    return ranks;
  }
  std::unique_ptr<distributed::Communicator> communicator(const std::vector<int>& ranks,
                                                          const std::string& name) {
    return ranks.empty() ? nullptr : context_.session.communicator(ranks, name);
  }

  // The rows of a step, prompt j of the step first to last: every rank computes the same.
  std::vector<std::uint32_t> rows(std::int64_t step) const {
    return data::grpo_step_rows(static_cast<std::uint32_t>(inputs_.examples.size()),
                                static_cast<std::uint32_t>(config_.rollout.prompts_per_step),
                                config_.seed, static_cast<std::uint32_t>(step));
  }

  // A worker that is a learner too computes with the learners' weights, made whole meanwhile.
  std::unique_ptr<trainer::WholeWeights> whole_weights() {
    return learner_ ? std::make_unique<trainer::WholeWeights>(learner_->policy) : nullptr;
  }

  void measure(std::int64_t version) {
    const auto whole = whole_weights();
    worker_->evaluation.measure(version);
  }

  // This worker's prompts of the step, drawn and scored.
  std::vector<RolloutGroup> draw(std::int64_t step) {
    const std::vector<std::uint32_t> step_rows = rows(step);
    std::vector<RolloutRequest> requests;
    std::vector<Example> examples;
    for (std::size_t j = 0; j < step_rows.size(); ++j) {
      if (context_.topology.worker_of_prompt(static_cast<std::int64_t>(j)) !=
          context_.seat().worker) {
        continue;
      }
      const Example& example = inputs_.examples[step_rows[j]];
      requests.push_back(worker_->worker.request(prompts_.prompt_ids(example), example.row,
                                                 static_cast<std::uint32_t>(step)));
      examples.push_back(example);
    }
    const auto whole = whole_weights();
    return worker_->worker.draw(requests, examples, static_cast<std::uint32_t>(step),
                                SamplingProgress(step + 1));
  }

  void send_groups(std::int64_t step, const std::vector<RolloutGroup>& groups) {
    const std::vector<std::uint32_t> step_rows = rows(step);
    std::vector<std::vector<RolloutGroup>> by_learner(
        static_cast<std::size_t>(context_.topology.learners()));
    std::size_t next = 0;
    for (std::size_t j = 0; j < step_rows.size(); ++j) {
      if (context_.topology.worker_of_prompt(static_cast<std::int64_t>(j)) ==
          context_.seat().worker) {
        const int learner = context_.topology.learner_of_prompt(static_cast<std::int64_t>(j));
        by_learner[static_cast<std::size_t>(learner)].push_back(groups[next++]);
      }
    }
    for (std::size_t learner = 0; learner < by_learner.size(); ++learner) {
      context_.session.send(context_.topology.learner_rank(static_cast<int>(learner)), kGroupTag,
                            encode_groups(by_learner[learner]));
    }
  }

  // All groups of the step on every learner, in the order of the step's prompts.
  std::vector<RolloutGroup> collect(std::int64_t step) {
    if (!inputs_.replay.empty()) {
      return inputs_.replay[static_cast<std::size_t>(step)];
    }
    std::vector<RolloutGroup> own;
    for (const int worker : ranks_of_workers()) {
      for (RolloutGroup& group : decode_groups(context_.session.receive(worker, kGroupTag))) {
        own.push_back(std::move(group));
      }
    }
    wait_for_all(context_.session, ranks_of_learners());
    std::map<std::uint32_t, RolloutGroup> by_prompt;
    for (const auto& bytes :
         distributed::all_gather_bytes(*learners_, encode_groups(own), "records of the step")) {
      for (RolloutGroup& group : decode_groups(bytes)) {
        by_prompt[group.prompt_id] = std::move(group);
      }
    }
    std::vector<RolloutGroup> ordered;
    for (const std::uint32_t row : rows(step)) {
      const auto group = by_prompt.find(inputs_.examples[row].row);
      check(group != by_prompt.end(), ErrorCode::kCommunication, "step ", step,
            " has no completions of prompt ", row);
      ordered.push_back(std::move(group->second));
    }
    return ordered;
  }

  // Hands version `version` to the workers. Where a rank is both, it has it already.
  void publish(std::int64_t version) {
    if (context_.topology.workers() == 0 || config_.cluster.placement == Placement::kColocated) {
      return;
    }
    // Training may take longer than a collective's deadline: workers wait for this message without
    // one.
    if (writes()) {
      for (const int worker : ranks_of_workers()) {
        context_.session.send(worker, kVersionTag, {});
      }
    } else if (worker_) {
      context_.session.receive(context_.topology.learner_rank(0), kVersionTag);
    }
    for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
      if (unit == layout_.units().size() / 2) {
        fault_point("publish", version);
      }
      channel_.publish(learner_ ? learner_->policy.own_weights(unit) : worker_->own_weights(unit),
                       layout_.bounds(unit), "weights of " + layout_.units()[unit].name);
    }
  }

  StageContext& context_;
  const RunConfig& config_;
  GrpoInputs inputs_;
  RunFolder folder_;
  model::Transformer model_;
  trainer::ShardLayout layout_;
  data::PromptBuilder prompts_;
  std::unique_ptr<distributed::Communicator> learners_,
      workers_;  // null where this rank is not one
  distributed::WeightChannel channel_;
  std::unique_ptr<LearnerHalf> learner_;
  std::unique_ptr<WorkerHalf> worker_;
};

}  // namespace

void run_grpo(StageContext& context) {
  std::optional<GrpoInputs> inputs;
  agree(context.session, [&] {
    inputs = read_inputs(context.config);
    trainer::check_numerics(context.config.numerics,
                            {inputs->source.weights->config(), model::cpu_ops()});
    if (context.session.rank() == 0) {
      RunFolder::prepare(context.config,
                         context.fresh ? ExistingRun::kRefuse : ExistingRun::kContinue);
    }
  });
  log_to_file(RunFolder(context.config).log(context.session.rank()).string());
  compare_parameter_counts(context.session,
                           model::parameter_count(inputs->source.weights->config()));
  GrpoRun(context, std::move(*inputs)).run();
}

}  // namespace cogent::launch
