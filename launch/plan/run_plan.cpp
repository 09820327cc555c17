#include "launch/plan/run_plan.hpp"

#include "core/base/error.hpp"
#include "core/config/working_weights.hpp"
#include "core/model/transformer.hpp"
#include "launch/kv_cache_check.hpp"
#include "launch/loaded_model.hpp"
#include "launch/lora.hpp"
#include "launch/plan/workload.hpp"
#include "launch/run_shape.hpp"
#include "launch/stage.hpp"
#include "launch/weight_type.hpp"
#include "rollout/engine.hpp"
#include "rollout/engine_memory.hpp"
#include "trainer/sharded_model.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <unistd.h>

namespace cogent::launch {
namespace {

using trainer::LearnerMemory;
using trainer::MemoryPart;

constexpr std::int64_t kFloat = 4;
// What a rank takes beside that, a world of one included: Open MPI, threads, code that only a run
// touches. Measured.
constexpr std::int64_t kWorldBytes = 20'000'000;

// Resident memory of this process: libraries, tokenizer and data, which the run holds too.
std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  file >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// The parts of a phase, one list behind the other, without those that take nothing.
std::vector<MemoryPart> joined(std::initializer_list<std::vector<MemoryPart>> lists) {
  std::vector<MemoryPart> all;
  for (const auto& list : lists) {
    std::copy_if(list.begin(), list.end(), std::back_inserter(all),
                 [](const MemoryPart& part) { return part.bytes > 0; });
  }
  return all;
}

// Builds the phases of the roles from what the run computes.
class Planner {
 public:
  Planner(const RunConfig& config, Stage stage, const model::ModelConfig& model,
          const model::LoraConfig& lora, const distributed::Topology& topology,
          const Workload& work, int threads)
      : config_(config),
        stage_(stage),
        model_(model),
        lora_(lora),
        topology_(topology),
        work_(work),
        threads_(threads),
        runtime_({"runtime", resident_bytes() + kWorldBytes}) {}

  std::vector<PlannedRole> roles() const {
    if (stage_ == Stage::kEvaluate) {
      return {{"evaluator", topology_.workers(), {evaluation({whole_copy()})}}};
    }
    const bool both =
        topology_.workers() > 0 && topology_.seat(0).worker >= 0 && topology_.seat(0).learner >= 0;
    std::vector<PlannedRole> roles = {
        {both ? "learner and worker" : "learner", topology_.learners(), learner_phases(both)}};
    if (!both && topology_.workers() > 0) {
      roles.push_back({"worker", topology_.workers(), worker_phases()});
    }
    return roles;
  }

  LearnerMemory learner() const {
    return {config_, model_, lora_, topology_.learners(), 0, has_reference()};
  }

  // By one learner in a step. What is scored is scored once for all passes over it.
  std::int64_t sent_bytes() const {
    const std::int64_t updates = work_.updates / std::max<std::int64_t>(1, work_.steps);
    const std::int64_t scored = stage_ == Stage::kGrpo ? updates / config_.grpo.num_iterations : 0;
    const std::int64_t scores = (has_reference() ? 1 : 0) + (work_.scores_policy ? 1 : 0);
    const LearnerMemory memory = learner();
    return updates * memory.sent_bytes(work_.slots) +
           scored * scores * memory.scoring_sent_bytes(work_.slots);
  }

 private:
  bool has_reference() const { return stage_ == Stage::kGrpo && config_.grpo.beta > 0; }
  MemoryPart whole_copy() const {
    return {"weights",
            trainer::bytes_of(working_weights(config_.model)) * model::parameter_count(model_)};
  }

  std::vector<PlannedPhase> learner_phases(bool samples) const {
    const LearnerMemory memory = learner();
    const auto pass =
        std::max_element(work_.passes.begin(), work_.passes.end(),
                         [](const auto& a, const auto& b) { return a.rows < b.rows; });
    std::vector<MemoryPart> held = memory.resident();
    std::vector<PlannedPhase> phases;
    phases.push_back({"forward and backward", joined({{runtime_}, held, memory.pass(*pass)})});
    const MemoryPart whole{"all weights, gathered", memory.whole_weights()};
    if (work_.scores_policy) {
      phases.push_back({"scoring", joined({{runtime_}, held, memory.scoring(*pass)})});
    }
    held.push_back(whole);
    if (work_.evaluation_loss) {
      phases.push_back(
          {"loss on data.dev", joined({{runtime_}, held, memory.scoring(*work_.evaluation_loss)})});
    }
    if (samples) {
      phases.push_back(sampling(held));
    }
    if (!work_.evaluation.empty() && (samples || topology_.workers() == 0)) {
      phases.push_back(evaluation(held));
    }
    return phases;
  }

  std::vector<PlannedPhase> worker_phases() const {
    std::vector<MemoryPart> held = {whole_copy()};
    if (lora_.on()) {
      held.push_back({"adapter", kFloat * learner().trained()});
    }
    std::vector<PlannedPhase> phases = {sampling(held)};
    if (!work_.evaluation.empty()) {
      phases.push_back(evaluation(held));
    }
    return phases;
  }

  std::vector<MemoryPart> drawing(const rollout::EngineOptions& options,
                                  std::span<const RolloutRequest> requests) const {
    const rollout::EngineMemory memory = rollout::engine_memory(
        model_, compute_ops(config_.model).activations, options, requests, threads_);
    return {{"KV cache", memory.kv_cache},
            {"forward of prompts", memory.forward},
            {"logits and sampling", memory.logits}};
  }

  PlannedPhase sampling(const std::vector<MemoryPart>& held) const {
    const rollout::EngineOptions options{.kv_cache_bytes = config_.rollout.kv_cache_mb << 20};
    PlannedPhase most;
    for (const auto& requests : work_.sampling) {
      PlannedPhase phase{"sampling", joined({{runtime_}, held, drawing(options, requests)})};
      if (most.parts.empty() || phase.bytes() > most.bytes()) {
        most = std::move(phase);
      }
    }
    return most;
  }

  PlannedPhase evaluation(const std::vector<MemoryPart>& held) const {
    const rollout::EngineOptions options{.max_sequences = config_.evaluate.batch,
                                         .kv_cache_bytes = config_.rollout.kv_cache_mb << 20};
    return {"evaluation", joined({{runtime_}, held, drawing(options, work_.evaluation)})};
  }

  const RunConfig& config_;
  Stage stage_;
  const model::ModelConfig& model_;
  const model::LoraConfig& lora_;
  const distributed::Topology& topology_;
  const Workload& work_;
  int threads_;
  MemoryPart runtime_;
};

}  // namespace

const PlannedPhase& PlannedRole::peak() const {
  return *std::max_element(
      phases.begin(), phases.end(),
      [](const PlannedPhase& a, const PlannedPhase& b) { return a.bytes() < b.bytes(); });
}

RunPlan plan_run(const RunConfig& config, Stage stage, int ranks) {
  validate_config(config, stage, ranks);
  const LoadedModel source = open_model(config.model.path);
  const model::ModelConfig& model = source.weights->config();
  if (stage != Stage::kEvaluate) {
    trainer::check_numerics(config.numerics, {model, compute_ops(config.model)});
  }
  check_kv_cache(config, stage, source);
  const distributed::Topology topology = stage_topology(config, stage, ranks);
  const Workload work = workload_of(config, stage, source, topology);
  const model::LoraConfig lora =
      stage == Stage::kEvaluate ? model::LoraConfig() : run_adapter(config, model).lora;
  const Planner planner(config, stage, model, lora, topology, work,
                        rank_threads(config, topology, ranks, ranks));
  RunPlan plan;
  plan.stage = stage_name(stage);
  plan.model_type = model.model_type;
  plan.parameters = model::parameter_count(model);
  plan.ranks = ranks;
  plan.roles = planner.roles();
  if (stage == Stage::kEvaluate) {
    return plan;
  }
  plan.trained_parameters = planner.learner().trained();
  plan.steps = work.steps;
  plan.updates = work.updates;
  plan.tokens_per_step = work.tokens;
  for (const model::PassShape& pass : work.passes) {
    plan.micro_batch_rows = std::max(plan.micro_batch_rows, pass.rows);
  }
  plan.reduction_bytes = planner.sent_bytes();
  const bool publishes = topology.workers() > 0 && topology.seat(0).worker < 0;
  const std::int64_t value_bytes =
      lora.on() ? kFloat : trainer::bytes_of(working_weights(config.model));
  plan.publication_bytes = publishes ? value_bytes * plan.trained_parameters : 0;
  constexpr std::int64_t kKinds = 3;  // weights and both moments
  plan.checkpoint_bytes = kKinds * kFloat * plan.trained_parameters;
  // The next one is complete before the oldest goes.
  plan.checkpoints_bytes =
      (config.checkpoint.keep_last + config.checkpoint.keep_best + 1) * plan.checkpoint_bytes;
  return plan;
}

}  // namespace cogent::launch
