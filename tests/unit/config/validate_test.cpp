#include "core/config/working_weights.hpp"
#include "tests/unit/config/config_testing.hpp"

#include <gmock/gmock.h>

namespace cogent::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A configuration that every stage accepts.
RunConfig complete(const std::vector<std::string>& overrides = {}) {
  return parse("run: {dir: out}\nmodel: {path: m.gguf}\ndata: {train: t, dev: d, test: e}\n",
               overrides);
}

std::string refusal(Stage stage, int world_size, const std::vector<std::string>& overrides) {
  const RunConfig config = complete(overrides);
  return usage_error([&] { validate_config(config, stage, world_size); });
}

std::string grpo_refusal(const std::vector<std::string>& overrides) {
  return refusal(Stage::kGrpo, 2, overrides);
}

TEST(ValidateConfig, DefaultsPassWhereTheRequiredKeysAreSet) {
  validate_config(complete(), Stage::kSft, 1);
  validate_config(complete(), Stage::kGrpo, 2);
  validate_config(complete(), Stage::kEvaluate, 1);
  validate_config(RunConfig(), Stage::kAnnotate, 1);
}

TEST(ValidateConfig, RequiredKeys) {
  for (const Stage stage : {Stage::kSft, Stage::kGrpo, Stage::kEvaluate}) {
    EXPECT_THAT(refusal(stage, 2, {"run.dir="}), HasSubstr("run.dir is empty"));
    EXPECT_THAT(refusal(stage, 2, {"model.path="}), HasSubstr("model.path is empty"));
  }
  EXPECT_THAT(refusal(Stage::kSft, 1, {"data.train="}), HasSubstr("data.train is empty"));
  EXPECT_THAT(refusal(Stage::kGrpo, 2, {"data.train="}), HasSubstr("data.train is empty"));
  EXPECT_THAT(refusal(Stage::kEvaluate, 1, {"data.dev=", "data.test="}),
              HasSubstr("data.test and data.dev are empty"));
  validate_config(complete({"data.test="}), Stage::kEvaluate, 1);
  validate_config(complete({"data.train="}), Stage::kEvaluate, 1);
  EXPECT_THAT(refusal(Stage::kSft, 1, {"data.dev=", "train.eval_every=5"}),
              AllOf(HasSubstr("train.eval_every is 5"), HasSubstr("data.dev is empty")));
  EXPECT_THAT(refusal(Stage::kSft, 1, {"train.epochs=0"}), HasSubstr("train.epochs is 0"));
  EXPECT_THAT(refusal(Stage::kAnnotate, 1, {"annotate.teacher=model", "model.path="}),
              HasSubstr("model.path is empty"));
}

TEST(ValidateConfig, Lora) {
  for (const char* shard : {"none", "optimizer", "gradients", "parameters"}) {
    validate_config(complete({"lora.rank=8", std::string("learner.shard=") + shard}), Stage::kSft,
                    1);
  }
  EXPECT_THAT(grpo_refusal({"lora.rank=8", "lora.alpha=0"}), HasSubstr("lora.alpha is 0"));
}

TEST(ValidateConfig, GradientsAreRoundedUnderFastNumericsAlone) {
  validate_config(complete({"learner.reduce=bfloat16", "numerics=fast"}), Stage::kSft, 2);
  for (const Stage stage : {Stage::kSft, Stage::kGrpo}) {
    EXPECT_THAT(refusal(stage, 2, {"learner.reduce=bfloat16"}),
                AllOf(HasSubstr("learner.reduce is bfloat16"), HasSubstr("numerics is exact"),
                      HasSubstr("set numerics to fast")));
  }
  validate_config(complete({"learner.reduce=bfloat16"}), Stage::kEvaluate, 1);
}

TEST(ValidateConfig, EvaluationInTheLoop) {
  for (const char* measure : {"f1", "loss", "both"}) {
    validate_config(complete({"train.eval_every=5", concat("train.eval=", measure)}), Stage::kSft,
                    1);
  }
  validate_config(complete({"train.eval_every=5", "train.eval=both"}), Stage::kGrpo, 2);
  validate_config(complete({"train.eval=loss"}), Stage::kGrpo, 2);
  EXPECT_THAT(grpo_refusal({"train.eval_every=5", "train.eval=loss"}),
              AllOf(HasSubstr("train.eval is loss"), HasSubstr("set it to f1 or both")));
  // Without drawn answers nothing is scored by a reward.
  validate_config(complete({"train.eval_every=5", "train.eval=loss", "reward.overlong=1"}),
                  Stage::kSft, 1);
}

TEST(ValidateConfig, TheBestCheckpointsNeedEvaluations) {
  const std::string keep = "checkpoint.keep_best=2";
  for (const Stage stage : {Stage::kSft, Stage::kGrpo}) {
    EXPECT_THAT(refusal(stage, 2, {keep}),
                AllOf(HasSubstr("keep_best is 2"), HasSubstr("train.eval_every is 0")));
    validate_config(complete({keep, "train.eval_every=5"}), stage, 2);
  }
  EXPECT_THAT(refusal(Stage::kGrpo, 1, {keep, "rollout.replay=r"}),
              AllOf(HasSubstr("keep_best is 2"), HasSubstr("rollout.replay is \"r\"")));
  validate_config(complete({keep}), Stage::kEvaluate, 1);
}

TEST(ValidateConfig, WorldOfSeparateRanks) {
  validate_config(complete({"cluster.learners=2", "cluster.workers=3"}), Stage::kGrpo, 5);
  EXPECT_THAT(refusal(Stage::kGrpo, 4, {"cluster.learners=2", "cluster.workers=3"}),
              AllOf(HasSubstr("4 ranks"), HasSubstr("2 + cluster.workers 3 make 5"),
                    HasSubstr("mpirun -n 5")));
  EXPECT_THAT(refusal(Stage::kGrpo, 1, {}), AllOf(HasSubstr("1 rank"), HasSubstr("mpirun -n 2"),
                                                  HasSubstr("cluster.placement=colocated")));
  EXPECT_THAT(refusal(Stage::kGrpo, 0, {}), HasSubstr("0 ranks"));
}

TEST(ValidateConfig, WorldOfColocatedRanks) {
  const std::string colocated = "cluster.placement=colocated";
  validate_config(complete({colocated}), Stage::kGrpo, 1);
  validate_config(complete({colocated, "cluster.learners=3", "cluster.workers=3"}), Stage::kGrpo,
                  3);
  EXPECT_THAT(refusal(Stage::kGrpo, 2, {colocated}),
              AllOf(HasSubstr("2 ranks"), HasSubstr("cluster.learners is 1")));
  EXPECT_THAT(refusal(Stage::kGrpo, 2, {colocated, "cluster.learners=2"}),
              HasSubstr("cluster.workers is 1"));
}

TEST(ValidateConfig, AReplayMeasuresNothing) {
  EXPECT_THAT(
      refusal(Stage::kGrpo, 1, {"rollout.replay=r", "train.eval_every=2"}),
      AllOf(HasSubstr("train.eval_every is 2 and rollout.replay is \"r\""), HasSubstr("to 0")));
}

TEST(ValidateConfig, WorldOfAReplayHasNoWorker) {
  validate_config(complete({"rollout.replay=r", "data.train="}), Stage::kGrpo, 1);
  validate_config(complete({"rollout.replay=r", "cluster.learners=3"}), Stage::kGrpo, 3);
  EXPECT_THAT(refusal(Stage::kGrpo, 2, {"rollout.replay=r"}),
              AllOf(HasSubstr("2 ranks"), HasSubstr("cluster.learners is 1"),
                    HasSubstr("set cluster.learners=2")));
  EXPECT_THAT(refusal(Stage::kGrpo, 1, {"rollout.replay=r", "rollout.record=true"}),
              HasSubstr("rollout.record is true and rollout.replay is \"r\""));
}

TEST(ValidateConfig, OtherStagesTakeAnyWorld) {
  for (const int world_size : {1, 2, 7}) {
    validate_config(complete({"cluster.learners=4"}), Stage::kSft, world_size);
    validate_config(complete(), Stage::kEvaluate, world_size);
    validate_config(complete(), Stage::kAnnotate, world_size);
  }
}

TEST(ValidateConfig, ValuesWithoutCodeBehindThem) {
  EXPECT_THAT(grpo_refusal({"rollout.max_policy_lag=2"}), HasSubstr("is 2"));
  EXPECT_THAT(grpo_refusal({"rollout.in_flight_update=true"}), HasSubstr("is true"));
}

TEST(ValidateConfig, ComputingInBfloat16NeedsFastNumerics) {
  for (const Stage stage : {Stage::kAnnotate, Stage::kSft, Stage::kGrpo, Stage::kEvaluate}) {
    EXPECT_THAT(refusal(stage, 2, {"model.compute=bfloat16"}),
                AllOf(HasSubstr("model.compute is bfloat16 and numerics is exact"),
                      HasSubstr("set numerics: fast, or model.compute: float32")));
    validate_config(complete({"model.compute=bfloat16", "numerics=fast"}), stage, 2);
    validate_config(complete({"model.compute=bfloat16", "model.weights=bfloat16", "numerics=fast"}),
                    stage, 2);
  }
}

TEST(WorkingWeights, AreBfloat16WhereEitherKeySaysSo) {
  const auto working = [](const std::vector<std::string>& overrides) {
    return working_weights(complete(overrides).model);
  };
  EXPECT_EQ(working({}), WeightType::kFloat32);
  EXPECT_EQ(working({"model.weights=bfloat16"}), WeightType::kBFloat16);
  EXPECT_EQ(working({"model.compute=bfloat16"}), WeightType::kBFloat16);
  EXPECT_EQ(working({"model.compute=bfloat16", "model.weights=bfloat16"}), WeightType::kBFloat16);
}

TEST(ValidateConfig, NumbersThatDoNotFitEachOther) {
  EXPECT_THAT(grpo_refusal({"grpo.mini_batch_prompts=3"}),
              AllOf(HasSubstr("grpo.mini_batch_prompts is 3"), HasSubstr("prompts_per_step, 8")));
  validate_config(complete({"grpo.mini_batch_prompts=4"}), Stage::kGrpo, 2);
  EXPECT_THAT(grpo_refusal({"rollout.group_size=1"}),
              AllOf(HasSubstr("scale_rewards is group"), HasSubstr("group_size is 1")));
  validate_config(complete({"rollout.group_size=1", "grpo.scale_rewards=none"}), Stage::kGrpo, 2);
  EXPECT_THAT(grpo_refusal({"rollout.temperature=0"}), HasSubstr("temperature is 0"));
  EXPECT_THAT(grpo_refusal({"rollout.top_p=0"}), HasSubstr("top_p is 0"));
  EXPECT_THAT(grpo_refusal({"rollout.repetition_penalty=0"}), HasSubstr("repetition_penalty is 0"));
  EXPECT_THAT(grpo_refusal({"grpo.delta=1.1"}),
              AllOf(HasSubstr("grpo.delta is 1.1"), HasSubstr("grpo.clip_high is 0.28")));
  validate_config(complete({"grpo.delta=3"}), Stage::kGrpo, 2);
  EXPECT_THAT(grpo_refusal({"grpo.delta=3", "grpo.surrogate=cispo"}),
              AllOf(HasSubstr("grpo.delta is 3"), HasSubstr("cispo")));
  EXPECT_THAT(grpo_refusal({"grpo.importance_floor=3"}),
              AllOf(HasSubstr("importance_floor is 3"), HasSubstr("importance_cap is 2")));
  EXPECT_THAT(refusal(Stage::kEvaluate, 1, {"evaluate.samples=4"}),
              AllOf(HasSubstr("evaluate.samples is 4"), HasSubstr("evaluate.temperature is 0")));
  validate_config(complete({"evaluate.samples=4", "evaluate.temperature=0.9"}), Stage::kEvaluate,
                  1);
  EXPECT_THAT(refusal(Stage::kSft, 1, {"optimizer.betas=[0.9]"}), HasSubstr("1 numbers"));
  EXPECT_THAT(refusal(Stage::kSft, 1, {"optimizer.betas=[0.9, 1]"}), HasSubstr("below 1"));
}

TEST(ValidateConfig, AGroupOfOneNeedsAnotherGradientThanItsAdvantage) {
  const auto refuse = [](std::vector<std::string> overrides) {
    overrides.emplace_back("rollout.group_size=1");
    EXPECT_THAT(grpo_refusal(overrides),
                AllOf(HasSubstr("rollout.group_size is 1"), HasSubstr("every advantage 0")));
  };
  for (const std::string scale : {"grpo.scale_rewards=none", "grpo.scale_rewards=batch"}) {
    for (const std::string baseline : {"grpo.baseline=group_mean", "grpo.baseline=leave_one_out"}) {
      refuse({scale, baseline, "grpo.beta=0"});
      refuse({scale, baseline, "grpo.beta=0.1", "grpo.kl_in=reward"});
    }
    const std::vector<std::string> one = {scale, "rollout.group_size=1"};
    const auto accept = [&](std::vector<std::string> overrides, int world_size = 2) {
      overrides.insert(overrides.end(), one.begin(), one.end());
      validate_config(complete(overrides), Stage::kGrpo, world_size);
    };
    accept({"grpo.beta=0.1"});
    accept({"grpo.beta=0", "grpo.entropy_coef=0.01"});
    accept({"grpo.beta=0", "rollout.replay=r"}, 1);  // its groups are as they were recorded
  }
}

// Whoever follows the advice of the message is not refused again.
TEST(ValidateConfig, TheAdviceAboutAGroupOfOneIsWhole) {
  const std::string one = "rollout.group_size=1";
  for (const std::string beta : {"grpo.beta=0", "grpo.beta=0.04"}) {
    for (const std::string kl : {"grpo.kl_in=loss", "grpo.kl_in=reward"}) {
      for (const std::string scale : {"group", "batch", "none"}) {
        for (const std::string dynamic : {"true", "false"}) {
          std::vector<std::string> keys = {one, beta, kl, "grpo.scale_rewards=" + scale,
                                           "grpo.dynamic_sampling=" + dynamic};
          const bool has_gradient = beta != "grpo.beta=0" && kl == "grpo.kl_in=loss";
          if (has_gradient && scale != "group" && dynamic == "false") {
            validate_config(complete(keys), Stage::kGrpo, 2);
            continue;
          }
          const std::string message = grpo_refusal(keys);
          std::vector<std::string> larger = keys;
          larger.emplace_back("rollout.group_size=2");
          validate_config(complete(larger), Stage::kGrpo, 2);
          const auto advises = [&](const std::string& change) {
            return message.substr(message.rfind("keep it and set")).find(change) !=
                   std::string::npos;
          };
          EXPECT_EQ(advises("grpo.beta above 0 with grpo.kl_in loss"), !has_gradient) << message;
          EXPECT_EQ(advises("grpo.scale_rewards to batch or none"), scale == "group") << message;
          EXPECT_EQ(advises("grpo.dynamic_sampling to false"), dynamic == "true") << message;
          if (!has_gradient) {
            keys.insert(keys.end(), {"grpo.beta=0.1", "grpo.kl_in=loss"});
          }
          if (scale == "group") {
            keys.emplace_back("grpo.scale_rewards=batch");
          }
          keys.emplace_back("grpo.dynamic_sampling=false");
          validate_config(complete(keys), Stage::kGrpo, 2);
        }
      }
    }
  }
}

TEST(ValidateConfig, DynamicSamplingNeedsRewardsThatCanDiffer) {
  const std::vector<std::string> one = {"grpo.dynamic_sampling=true", "rollout.group_size=1",
                                        "grpo.scale_rewards=none"};
  EXPECT_THAT(grpo_refusal(one), AllOf(HasSubstr("grpo.dynamic_sampling is true"),
                                       HasSubstr("rollout.group_size is 1")));
  std::vector<std::string> replayed = one;
  replayed.emplace_back("rollout.replay=r");
  validate_config(complete(replayed), Stage::kGrpo, 1);
  validate_config(complete({"grpo.dynamic_sampling=true"}), Stage::kGrpo, 2);
}

TEST(ValidateConfig, TheOverlongBufferIsWithinEveryBudgetThatIsScored) {
  const std::string on = "reward.overlong=1";
  const auto buffer = [](int tokens) { return concat("reward.overlong_buffer=", tokens); };
  EXPECT_THAT(grpo_refusal({on}), AllOf(HasSubstr("reward.overlong_buffer is 0"),
                                        HasSubstr("rollout.max_new_tokens, 192")));
  EXPECT_THAT(grpo_refusal({on, buffer(193)}), HasSubstr("reward.overlong_buffer is 193"));
  validate_config(complete({on, buffer(192)}), Stage::kGrpo, 2);
  for (const Stage stage : {Stage::kSft, Stage::kGrpo, Stage::kEvaluate}) {
    const auto with = [&](int tokens) {
      return std::vector<std::string>{on, buffer(tokens), "train.eval_every=5",
                                      "evaluate.max_new_tokens=100"};
    };
    EXPECT_THAT(refusal(stage, 2, with(101)), AllOf(HasSubstr("reward.overlong_buffer is 101"),
                                                    HasSubstr("evaluate.max_new_tokens, 100")));
    validate_config(complete(with(100)), stage, 2);
  }
  EXPECT_THAT(refusal(Stage::kEvaluate, 1, {on}),
              AllOf(HasSubstr("overlong_buffer is 0"), HasSubstr("evaluate.max_new_tokens, 256")));
  validate_config(complete({on, "train.eval_every=0"}), Stage::kSft, 1);
  validate_config(complete({on}), Stage::kAnnotate, 1);
}

// Values that reading refuses can still be set by code.
TEST(ValidateConfig, ValuesSetByCode) {
  const auto refuse = [](auto change) {
    RunConfig config = complete();
    change(config);
    return usage_error([&] { validate_config(config, Stage::kGrpo, 2); });
  };
  EXPECT_THAT(refuse([](RunConfig& c) { c.grpo.beta = -1; }), HasSubstr("grpo.beta is -1"));
  EXPECT_THAT(refuse([](RunConfig& c) { c.grpo.clip_low = 2; }), HasSubstr("grpo.clip_low is 2"));
  EXPECT_THAT(refuse([](RunConfig& c) { c.grpo.clip_high = -2; }), HasSubstr("clip_high is -2"));
  EXPECT_THAT(refuse([](RunConfig& c) { c.rollout.prompts_per_step = 0; }),
              HasSubstr("prompts_per_step is 0"));
}

}  // namespace
}  // namespace cogent::testing
