#include "core/base/error.hpp"
#include "core/config/config.hpp"
#include "core/config/schema.hpp"

namespace cogent {
namespace {

// The rules of a stage, in the order in which a user would want to hear of them.

constexpr ErrorCode kUsage = ErrorCode::kUsage;

// "key is value", the beginning of most messages.
std::string stands(const RunConfig& config, std::string_view name) {
  return concat(name, " is ", value_text(*find_key(name), config));
}

bool trains(Stage stage) {
  return stage == Stage::kSft || stage == Stage::kGrpo;
}

// Keys whose values are fixed for good, while the code behind some of them is not written.
void check_supported(const RunConfig& config, Stage stage) {
  const auto supported = [&](bool holds, std::string_view name, std::string_view instead) {
    check(holds, kUsage, stands(config, name), ", which this version does not have: set ", instead);
  };
  if (stage == Stage::kGrpo) {
    supported(config.rollout.max_policy_lag == 0, "rollout.max_policy_lag",
              "rollout.max_policy_lag: 0");
    supported(!config.rollout.in_flight_update, "rollout.in_flight_update",
              "rollout.in_flight_update: false");
  }
}

// Products of bfloat16 matrices come from a library that promises no order of sums.
void check_compute(const RunConfig& config) {
  check(config.numerics != Numerics::kExact || config.model.compute == WeightType::kFloat32, kUsage,
        stands(config, "model.compute"), " and ", stands(config, "numerics"),
        ", whose bits bfloat16 computation does not have: set numerics: fast, or model.compute: "
        "float32");
}

void check_required(const RunConfig& config, Stage stage) {
  const auto required = [](bool given, std::string_view name, std::string_view meaning) {
    check(given, kUsage, name, " is empty: set it to ", meaning);
  };
  if (stage == Stage::kAnnotate) {
    required(config.annotate.teacher != Teacher::kModel || !config.model.path.empty(), "model.path",
             "the model that annotates (annotate.teacher is model)");
    return;
  }
  required(!config.run.dir.empty(), "run.dir", "the folder of the run");
  required(!config.model.path.empty(), "model.path",
           "a Hugging Face directory, a GGUF file, a checkpoint or a run folder");
  if (stage == Stage::kEvaluate) {
    check(!config.data.test.empty() || !config.data.dev.empty(), kUsage,
          "data.test and data.dev are empty: set one of them to the data to measure on");
    return;
  }
  const bool replays = stage == Stage::kGrpo && !config.rollout.replay.empty();
  required(replays || !config.data.train.empty(), "data.train", "the training data");
  check(config.train.eval_every == 0 || !replays, kUsage, stands(config, "train.eval_every"),
        " and ", stands(config, "rollout.replay"),
        ": no worker runs that could measure, set train.eval_every to 0");
  check(config.train.eval_every == 0 || !config.data.dev.empty(), kUsage,
        stands(config, "train.eval_every"),
        " and data.dev is empty: set data.dev to the data to measure on, or train.eval_every to 0");
  check(replays || config.train.steps > 0 || config.train.epochs > 0, kUsage,
        "train.steps is 0 and ", stands(config, "train.epochs"), ": set one of them above 0");
}

void check_separate_world(const RunConfig& config, int world_size) {
  const int learners = config.cluster.learners;
  const int workers = config.cluster.workers;
  const int needed = learners + workers;
  check(world_size != 1, kUsage,
        "grpo with cluster.placement separate needs a rank that learns and one that samples, the "
        "world has 1 rank (cluster.learners ",
        learners, " + cluster.workers ", workers, "): start it with mpirun -n ", needed,
        ", or set cluster.placement=colocated",
        needed == 2 ? "" : ", cluster.learners=1 and cluster.workers=1");
  check(world_size == needed, kUsage, "the world has ", world_size, " ranks, cluster.learners ",
        learners, " + cluster.workers ", workers, " make ", needed, ": start it with mpirun -n ",
        needed, ", or change one of the two keys");
}

void check_world(const RunConfig& config, Stage stage, int world_size) {
  check(world_size >= 1, kUsage, "the world has ", world_size, " ranks, it must have at least 1");
  if (stage != Stage::kGrpo) {
    return;  // every rank does the same work, whatever the cluster keys say
  }
  const int learners = config.cluster.learners;
  const int workers = config.cluster.workers;
  if (!config.rollout.replay.empty()) {
    check(world_size == learners, kUsage, "the world has ", world_size,
          " ranks, cluster.learners is ", learners,
          ", and with rollout.replay no worker runs: set cluster.learners=", world_size,
          ", or start it with mpirun -n ", learners);
  } else if (config.cluster.placement == Placement::kColocated) {
    check(world_size == learners && world_size == workers, kUsage, "the world has ", world_size,
          " ranks, cluster.learners is ", learners, " and cluster.workers is ", workers,
          ": with cluster.placement colocated every rank is both, so set both keys to ",
          world_size);
  } else {
    check_separate_world(config, world_size);
  }
}

void check_lora(const RunConfig& config) {
  const bool is_on = config.lora.rank > 0 || !config.lora.adapter.empty();
  check(!is_on || config.lora.alpha > 0, kUsage, stands(config, "lora.alpha"),
        ", which makes the adapter's product 0: set it above 0");
}

void check_reduction(const RunConfig& config) {
  check(config.numerics == Numerics::kFast || config.learner.reduce == WeightType::kFloat32, kUsage,
        stands(config, "learner.reduce"), " and numerics is exact, which adds gradients without ",
        "rounding them to fewer bits: set numerics to fast, or learner.reduce to float32");
}

void check_optimizer(const RunConfig& config) {
  const std::vector<double>& betas = config.optimizer.betas;
  check(betas.size() == 2, kUsage, stands(config, "optimizer.betas"), ", which are ", betas.size(),
        " numbers: give two, as in [0.9, 0.999]");
  for (const double beta : betas) {
    check(beta >= 0 && beta < 1, kUsage, stands(config, "optimizer.betas"), " and holds ", beta,
          ": both numbers must be at least 0 and below 1");
  }
}

// Evaluation in the loop, and the checkpoints that it chooses.
void check_loop_evaluation(const RunConfig& config, Stage stage) {
  check(stage != Stage::kGrpo || config.train.eval_every == 0 ||
            config.train.eval != EvaluationMeasure::kLoss,
        kUsage, stands(config, "train.eval"),
        ", which grpo does not measure: set it to f1 or both, or train.eval_every to 0");
  if (config.checkpoint.keep_best == 0) {
    return;
  }
  check(stage != Stage::kGrpo || config.rollout.replay.empty(), kUsage,
        stands(config, "checkpoint.keep_best"), " and ", stands(config, "rollout.replay"),
        ": nothing is evaluated in a replay, set checkpoint.keep_best to 0");
  check(config.train.eval_every > 0, kUsage, stands(config, "checkpoint.keep_best"),
        " and train.eval_every is 0, so that no checkpoint has an evaluation: set train.eval_every "
        "above 0, or checkpoint.keep_best to 0");
}

void check_evaluate(const RunConfig& config) {
  check(config.evaluate.samples == 1 || config.evaluate.temperature > 0, kUsage,
        stands(config, "evaluate.samples"),
        " while evaluate.temperature is 0, so that all answers "
        "to an example would be the same: set a temperature, or evaluate.samples to 1");
}

void check_rollout(const RunConfig& config) {
  check(config.rollout.temperature >= 0.001, kUsage, stands(config, "rollout.temperature"),
        ", it must be at least 0.001: a group of equal completions has nothing to learn from");
  check(config.rollout.top_p > 0, kUsage, stands(config, "rollout.top_p"),
        ", it must be above 0 and at most 1: set 1 to switch it off");
  check(config.rollout.repetition_penalty > 0, kUsage, stands(config, "rollout.repetition_penalty"),
        ", it must be above 0: set 1 to switch it off");
  check(config.rollout.prompts_per_step >= 1, kUsage, stands(config, "rollout.prompts_per_step"),
        ", it must be at least 1");
  check(!config.rollout.record || config.rollout.replay.empty(), kUsage,
        "rollout.record is true and ", stands(config, "rollout.replay"),
        ": a replay draws nothing to record, unset one");
}

// One completion has nothing to be compared with. All that stands against it is told at once, so
// that who keeps it does not go from one refusal to the next.
void check_group_of_one(const RunConfig& config) {
  const GrpoSettings& grpo = config.grpo;
  std::string reasons;
  std::string changes;
  const auto refuse = [&](std::string_view reason, std::string_view change) {
    reasons += concat(reasons.empty() ? "" : "; ", reason);
    changes += concat(changes.empty() ? "" : ", and ", change);
  };
  const bool kl_in_loss = grpo.beta > 0 && grpo.kl_in == KlPlace::kLoss;
  if (!kl_in_loss && grpo.entropy_coef <= 0) {
    refuse(
        "it makes every advantage 0, and neither a KL term in the loss nor an entropy bonus gives "
        "a gradient",
        "grpo.beta above 0 with grpo.kl_in loss (or grpo.entropy_coef above 0)");
  }
  if (grpo.scale_rewards == ScaleRewards::kGroup) {
    refuse("grpo.scale_rewards is group, and one completion has no standard deviation",
           "grpo.scale_rewards to batch or none");
  }
  if (grpo.dynamic_sampling) {
    refuse("grpo.dynamic_sampling is true, and the rewards of one completion never differ",
           "grpo.dynamic_sampling to false");
  }
  check(reasons.empty(), kUsage, "rollout.group_size is 1: ", reasons,
        ": set rollout.group_size to 2 or more, or keep it and set ", changes);
}

void check_grpo(const RunConfig& config) {
  const GrpoSettings& grpo = config.grpo;
  if (config.rollout.replay.empty() && config.rollout.group_size == 1) {
    check_group_of_one(config);
  }
  check(grpo.mini_batch_prompts >= 0 &&
            (grpo.mini_batch_prompts == 0 ||
             config.rollout.prompts_per_step % grpo.mini_batch_prompts == 0),
        kUsage, stands(config, "grpo.mini_batch_prompts"), ", which does not divide ",
        "rollout.prompts_per_step, ", config.rollout.prompts_per_step,
        ": change one of the two, or set grpo.mini_batch_prompts to 0 for the whole step");
  check(grpo.clip_low >= 0 && grpo.clip_low <= 1, kUsage, stands(config, "grpo.clip_low"),
        ", it must be from 0 to 1");
  check(grpo.clip_high >= 0, kUsage, stands(config, "grpo.clip_high"), ", it must be at least 0");
  check(grpo.delta == 0 || grpo.surrogate == Surrogate::kClip, kUsage, stands(config, "grpo.delta"),
        " and grpo.surrogate is cispo, which has no second bound: set grpo.delta to 0");
  check(grpo.delta == 0 || grpo.delta > 1 + grpo.clip_high, kUsage, stands(config, "grpo.delta"),
        " and ", stands(config, "grpo.clip_high"),
        ": grpo.delta must be above 1 + grpo.clip_high, or 0 for off");
  check(grpo.beta >= 0, kUsage, stands(config, "grpo.beta"), ", it must be at least 0");
  check(grpo.importance_floor <= grpo.importance_cap, kUsage,
        stands(config, "grpo.importance_floor"), " and ", stands(config, "grpo.importance_cap"),
        ": the floor must not be above the cap");
}

// `budget`: tokens of a scored completion at most, the value of the key `budget_name`.
void check_overlong(const RunConfig& config, std::int64_t budget, std::string_view budget_name) {
  const RewardSettings& reward = config.reward;
  check(reward.overlong == 0 || (reward.overlong_buffer >= 1 && reward.overlong_buffer <= budget),
        kUsage, stands(config, "reward.overlong"), " and ",
        stands(config, "reward.overlong_buffer"), ": set the buffer from 1 to ", budget_name, ", ",
        budget, ", or reward.overlong to 0 for no penalty");
}

// Evaluations score with the rewards of training.
void check_reward(const RunConfig& config, Stage stage) {
  if (stage == Stage::kGrpo) {
    check_overlong(config, config.rollout.max_new_tokens, "rollout.max_new_tokens");
  }
  const bool draws_in_loop =
      config.train.eval_every > 0 && config.train.eval != EvaluationMeasure::kLoss;
  if (stage == Stage::kEvaluate || (trains(stage) && draws_in_loop)) {
    check_overlong(config, config.evaluate.max_new_tokens, "evaluate.max_new_tokens");
  }
}

}  // namespace

void validate_config(const RunConfig& config, Stage stage, int world_size) {
  check_supported(config, stage);
  check_compute(config);
  check_required(config, stage);
  check_world(config, stage, world_size);
  check_evaluate(config);
  if (trains(stage)) {
    check_lora(config);
    check_reduction(config);
    check_optimizer(config);
    check_loop_evaluation(config, stage);
  }
  if (stage == Stage::kGrpo) {
    check_rollout(config);
    check_grpo(config);
  }
  check_reward(config, stage);
}

}  // namespace cogent
