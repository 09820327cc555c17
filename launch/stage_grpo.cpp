#include "core/base/fault.hpp"
#include "core/base/hash.hpp"
#include "core/base/log.hpp"
#include "core/data/order.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/data/reader.hpp"
#include "core/model/adapted_weights.hpp"
#include "core/records/rollout_json.hpp"
#include "distributed/weight_channel.hpp"
#include "launch/in_loop_evaluation.hpp"
#include "launch/kv_cache_check.hpp"
#include "launch/lora.hpp"
#include "launch/run_prompts.hpp"
#include "launch/run_shape.hpp"
#include "launch/stages.hpp"
#include "launch/step_log.hpp"
#include "launch/step_sampling.hpp"
#include "launch/training_run.hpp"
#include "launch/weight_type.hpp"
#include "rollout/worker.hpp"
#include "trainer/tensor_buffer.hpp"

#include <algorithm>
#include <memory>
#include <optional>

namespace cogent::launch {
namespace {

constexpr int kVersionTag = 3;  // learner 0 to a worker: the next version is on its way

// What every rank reads before the roles part.
struct GrpoInputs {
  LoadedModel source;
  model::Adapter adapter;                         // off where all weights are trained
  std::vector<Example> examples;                  // empty with replay
  std::vector<std::vector<RolloutGroup>> replay;  // empty without
  std::int64_t steps = 0;
  TrainingRun::DataDigests digests;
};

GrpoInputs read_inputs(const RunConfig& config) {
  GrpoInputs inputs{open_model(config.model.path), {}, {}, {}, 0, {}};
  inputs.adapter = run_adapter(config, inputs.source.weights->config());
  if (!config.rollout.replay.empty()) {
    inputs.replay = read_rollout_batches(config.rollout.replay);
    check(!inputs.replay.empty(), ErrorCode::kData, config.rollout.replay,
          " holds no recorded rollouts");
    inputs.steps = replayed_steps(config.train, inputs.replay.size());
    for (const auto& batch : inputs.replay) {
      const std::vector<std::byte> bytes = encode_groups(batch);
      inputs.digests.examples =
          inputs.digests.examples * 31 + xxh3(std::span<const std::byte>(bytes));
    }
    return inputs;
  }
  inputs.examples = data::read_examples(config.data.train, data::Split::kTrain);
  inputs.digests.examples = data::data_digest(inputs.examples);
  const model::ModelConfig& model = inputs.source.weights->config();
  inputs.digests.prompts = check_prompts(
      config, model, {config, inputs.source.tokenizer, model.eos_ids}, inputs.examples);
  inputs.steps = grpo_steps(config, inputs.examples.size());
  return inputs;
}

// The learner's half of a rank.
struct LearnerHalf {
  LearnerHalf(const RunConfig& config, const model::Transformer& model,
              distributed::Communicator& learners, const GrpoInputs& inputs,
              std::int64_t total_updates)
      : policy(model, learners, config.learner, config.numerics, weight_type(config.model)),
        first_policy(config.grpo.beta > 0 && !model.lora().on()
                         ? std::make_unique<trainer::FrozenWeights>(model, learners, config.learner,
                                                                    weight_type(config.model))
                         : nullptr),
        learner(config, model, learners, policy,
                first_policy ? first_policy.get() : policy.frozen(), total_updates) {
    policy.load(*inputs.source.weights, inputs.adapter.lora.on() ? &inputs.adapter : nullptr);
    if (first_policy) {
      first_policy->load(*inputs.source.weights);
    }
  }
  trainer::ShardedModel policy;
  // The reference policy, but with LoRA, whose frozen weights are it.
  std::unique_ptr<trainer::FrozenWeights> first_policy;
  trainer::Learner learner;
};

// The worker's half: its own copy of the weights, or the learner's where one rank is both.
struct WorkerHalf {
  WorkerHalf(const StageContext& context, const model::Transformer& model, const GrpoInputs& inputs,
             const data::PromptBuilder& prompts, distributed::Communicator& workers,
             LearnerHalf* learner)
      : own(learner == nullptr
                ? std::optional(own_copy(model, inputs, weight_type(context.config.model)))
                : std::nullopt),
        weights(learner == nullptr ? *own : learner->policy.weights()),
        worker(context.config, model, weights, inputs.source.tokenizer, prompts.end_ids(),
               context.reward_process),
        evaluation(context, Stage::kGrpo, model, weights, inputs.source.tokenizer, prompts,
                   workers) {}
  // Of a version, filled by publish(); the frozen weights of an adapter are read here.
  static model::ModelWeights own_copy(const model::Transformer& model, const GrpoInputs& inputs,
                                      at::ScalarType type) {
    return model.lora().on() ? load_adapted(model, *inputs.source.weights, inputs.adapter, type)
                             : model::allocate_weights(model.units(), type);
  }

  std::optional<model::ModelWeights> own;
  model::ModelWeights& weights;
  rollout::Worker worker;
  InLoopEvaluation evaluation;
};

// One run of the stage on one rank. A step reads top to bottom in run().
class GrpoRun {
 public:
  GrpoRun(StageContext& context, GrpoInputs inputs)
      : context_(context),
        config_(context.config),
        inputs_(std::move(inputs)),
        folder_(config_),
        model_(inputs_.source.weights->config(), compute_ops(config_.model), inputs_.adapter.lora),
        layout_(model_.trained_units(), context.topology.learners()),
        prompts_(config_, inputs_.source.tokenizer, model_.config().eos_ids),
        learners_(communicator(context.topology.learner_ranks(), "learners")),
        workers_(communicator(context.topology.worker_ranks(), "workers")),
        channel_(context.session, context.topology) {
    if (learners_) {
      learner_ =
          std::make_unique<LearnerHalf>(config_, model_, *learners_, inputs_, total_updates());
    }
    if (workers_) {
      worker_ = std::make_unique<WorkerHalf>(context_, model_, inputs_, prompts_, *workers_,
                                             learner_.get());
    }
    sampling_.emplace(context_, inputs_.examples, prompts_, worker_ ? &worker_->worker : nullptr,
                      learners_.get());
  }

  void run() {
    std::optional<TrainingRun::LearnerParts> parts;
    if (learner_) {
      parts.emplace(TrainingRun::LearnerParts{*learners_, learner_->policy, learner_->learner});
    }
    TrainingRun run(context_, inputs_.source, model_.lora(), "grpo", inputs_.digests, parts);
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
      const StepRollouts rollouts = take_rollouts(step);
      if (learner_) {
        log.sampled();
        if (record) {
          for (const json::object& line : step_lines(step, rollouts.groups)) {
            record->append(line);
          }
        }
        const trainer::StepMetrics metrics = learner_->learner.grpo_step(rollouts.groups);
        log.end(step + 1, metrics, learner_->policy.weights_xxh3(), &rollouts);
      }
      publish(step + 1);
      run.finish_step(step + 1, inputs_.steps);
    }
    if (worker_ && worker_->evaluation.due_last()) {
      measure(inputs_.steps);
    }
    // Measuring, and the last save, may take longer than the deadline of the world's last meeting.
    wait_for_all(context_.session);
  }

 private:
  std::int64_t total_updates() const {
    return inputs_.replay.empty()
               ? inputs_.steps * trainer::grpo_updates(config_, config_.rollout.prompts_per_step)
               : trainer::replayed_updates(
                     config_,
                     std::span(inputs_.replay).first(static_cast<std::size_t>(inputs_.steps)));
  }
  bool writes() const { return context_.seat().learner == 0; }

  std::unique_ptr<distributed::Communicator> communicator(const std::vector<int>& ranks,
                                                          const std::string& name) {
    return ranks.empty() ? nullptr : context_.session.communicator(ranks, name);
  }

  // A worker that is a learner too computes with the learners' weights, made whole meanwhile.
  std::unique_ptr<trainer::WholeWeights> whole_weights() {
    return learner_ ? std::make_unique<trainer::WholeWeights>(learner_->policy) : nullptr;
  }

  void measure(std::int64_t version) {
    worker_->worker.release_cache();  // the evaluation has a cache of its own
    const auto whole = whole_weights();
    worker_->evaluation.measure(version);
  }

  // What step `step` trains on. Collective over the world.
  StepRollouts take_rollouts(std::int64_t step) {
    if (!inputs_.replay.empty()) {
      return {.groups = inputs_.replay[static_cast<std::size_t>(step)]};
    }
    const auto whole = worker_ ? whole_weights() : nullptr;
    StepRollouts rollouts = sampling_->sample(step);
    if (worker_ && learner_) {
      worker_->worker.release_cache();  // what it took is for the updates
    }
    return rollouts;
  }

  // Hands version `version` to the workers. Where a rank is both, it has it already.
  void publish(std::int64_t version) {
    if (context_.topology.workers() == 0 || config_.cluster.placement == Placement::kColocated) {
      return;
    }
    // Training may take longer than a collective's deadline: workers wait for this message without
    // one.
    if (writes()) {
      for (const int worker : context_.topology.worker_ranks()) {
        context_.session.send(worker, kVersionTag, {});
      }
    } else if (worker_) {
      context_.session.receive(context_.topology.learner_rank(0), kVersionTag);
    }
    for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
      if (unit == layout_.units().size() / 2) {
        fault_point("publish", version);
      }
      channel_.publish(learner_ ? learner_->policy.computed_weights(unit)
                                : trainer::buffer_of(worker_->own->trained()[unit]),
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
  std::optional<StepSampling> sampling_;
};

}  // namespace

void run_grpo(StageContext& context) {
  std::optional<GrpoInputs> inputs;
  agree(context.session, [&] {
    inputs = read_inputs(context.config);
    check_kv_cache(context.config, Stage::kGrpo, inputs->source);
    trainer::check_numerics(context.config.numerics,
                            {inputs->source.weights->config(), compute_ops(context.config.model)});
    if (context.session.rank() == 0) {
      RunFolder::prepare(context.config,
                         context.fresh ? ExistingRun::kRefuse : ExistingRun::kContinue);
    }
  });
  log_to_file(RunFolder(context.config).log(context.session.rank()).string());
  compare_parameter_counts(context.session,
                           model::parameter_count(inputs->source.weights->config()));
  compare_hashes(context.session, inputs->digests.prompts.value_or(0), kSamePrompts);
  GrpoRun(context, std::move(*inputs)).run();
}

}  // namespace cogent::launch
