#include "core/base/files.hpp"
#include "tests/unit/config/config_testing.hpp"

#include <gmock/gmock.h>

#include <limits>

namespace cogent::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(ReadConfig, EmptyTextGivesTheDefaults) {
  EXPECT_EQ(parse(""), RunConfig());
  EXPECT_EQ(parse("# only a comment\n"), RunConfig());
  EXPECT_EQ(parse("optimizer:\n"), RunConfig());
  EXPECT_EQ(load_config("", {}), RunConfig());
}

TEST(ReadConfig, EveryKind) {
  const RunConfig config = parse(R"(
seed: 18446744073709551615
run: {dir: out/first}
data:
  train: [a.jsonl, "b c.jsonl"]
  dev: one.jsonl
cluster.workers: 3
prompt: {template: wording.txt, add_source: true}
chat: {template: own}
optimizer:
  lr: 1e-6
  betas: [0.8, 0.95]
  schedule: linear
train: {steps: 12}
)");
  EXPECT_EQ(config.seed, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(config.run.dir, "out/first");
  EXPECT_THAT(config.data.train, ElementsAre("a.jsonl", "b c.jsonl"));
  EXPECT_THAT(config.data.dev, ElementsAre("one.jsonl"));
  EXPECT_EQ(config.cluster.workers, 3);
  EXPECT_EQ(config.prompt.template_file, "wording.txt");
  EXPECT_TRUE(config.prompt.add_source);
  EXPECT_EQ(config.chat.format, ChatTemplate::kOwn);
  EXPECT_DOUBLE_EQ(config.optimizer.lr, 1e-6);
  EXPECT_THAT(config.optimizer.betas, ElementsAre(0.8, 0.95));
  EXPECT_EQ(config.optimizer.schedule, Schedule::kLinear);
  EXPECT_EQ(config.train.steps, 12);
}

TEST(ReadConfig, EveryWordOfCliMd) {
  EXPECT_EQ(parse("numerics: exact").numerics, Numerics::kExact);
  EXPECT_EQ(parse("model: {weights: bfloat16}").model.weights, WeightType::kBFloat16);
  EXPECT_EQ(parse("model: {compute: bfloat16}").model.compute, WeightType::kBFloat16);
  EXPECT_EQ(parse("chat: {template: reasoningner}").chat.format, ChatTemplate::kReasoningNer);
  EXPECT_EQ(parse("metric: {rules: reference}").metric.rules, MetricRules::kReference);
  EXPECT_EQ(parse("cluster: {placement: colocated}").cluster.placement, Placement::kColocated);
  EXPECT_EQ(parse("learner: {shard: gradients}").learner.shard, ShardMode::kGradients);
  EXPECT_EQ(parse("learner: {shard: parameters}").learner.shard, ShardMode::kParameters);
  EXPECT_EQ(parse("learner: {recompute: full}").learner.recompute, Recompute::kFull);
  EXPECT_EQ(parse("learner: {reduce: bfloat16}").learner.reduce, WeightType::kBFloat16);
  EXPECT_EQ(parse("optimizer: {schedule: constant}").optimizer.schedule, Schedule::kConstant);
  EXPECT_EQ(parse("grpo: {loss: dr_grpo}").grpo.loss, LossType::kDrGrpo);
  EXPECT_EQ(parse("grpo: {loss: bnpo}").grpo.loss, LossType::kBnpo);
  EXPECT_EQ(parse("grpo: {scale_rewards: batch}").grpo.scale_rewards, ScaleRewards::kBatch);
  EXPECT_EQ(parse("grpo: {loss: token_sum_norm}").grpo.loss, LossType::kTokenSumNorm);
  EXPECT_EQ(parse("grpo: {baseline: leave_one_out}").grpo.baseline, Baseline::kLeaveOneOut);
  EXPECT_EQ(parse("grpo: {surrogate: cispo}").grpo.surrogate, Surrogate::kCispo);
  EXPECT_EQ(parse("grpo: {ratio: sequence}").grpo.ratio, RatioLevel::kSequence);
  EXPECT_EQ(parse("grpo: {kl_estimator: k1}").grpo.kl_estimator, KlEstimator::kK1);
  EXPECT_EQ(parse("grpo: {kl_in: reward}").grpo.kl_in, KlPlace::kReward);
  EXPECT_EQ(parse("grpo: {old_policy: proximal}").grpo.old_policy, OldPolicy::kProximal);
  EXPECT_EQ(parse("grpo: {importance: mask}").grpo.importance, Importance::kMask);
  EXPECT_EQ(parse("annotate: {teacher: http}").annotate.teacher, Teacher::kHttp);
}

TEST(ReadConfig, EmptyValuesClearTextsAndLists) {
  const RunConfig config =
      parse("run: {dir: ~}\ndata: {train: }\n", {"model.path=", "data.dev=[]", "data.test=null"});
  EXPECT_EQ(config.run.dir, "");
  EXPECT_THAT(config.data.train, IsEmpty());
  EXPECT_THAT(config.data.dev, IsEmpty());
  EXPECT_EQ(parse("run: {dir: 'null'}").run.dir, "null");
  EXPECT_THAT(parse_error("train:\n  steps:\n"),
              AllOf(StartsWith("run.yaml:2: train.steps is empty"), HasSubstr("an integer")));
}

TEST(ReadConfig, OverridesApplyInOrder) {
  const RunConfig config =
      parse("seed: 1", {"seed=2", "optimizer.lr=3e-5", "seed=3", "run.dir=a=b", "data={dev: d}",
                        "optimizer.betas=[0.5, 0.6]", "model.path=random:small"});
  EXPECT_EQ(config.seed, 3u);
  EXPECT_DOUBLE_EQ(config.optimizer.lr, 3e-5);
  EXPECT_EQ(config.run.dir, "a=b");
  EXPECT_THAT(config.data.dev, ElementsAre("d"));
  EXPECT_THAT(config.optimizer.betas, ElementsAre(0.5, 0.6));
  EXPECT_EQ(config.model.path, "random:small");
}

TEST(ReadConfig, FaultyOverrides) {
  EXPECT_THAT(parse_error("", {"optimizer.lr"}),
              AllOf(HasSubstr("'optimizer.lr'"), HasSubstr("key=value")));
  EXPECT_THAT(parse_error("", {"optimiser.lr=1"}),
              AllOf(HasSubstr("override 'optimiser.lr=1'"), HasSubstr("is optimizer.lr")));
  EXPECT_THAT(parse_error("", {"train.steps=ten"}),
              AllOf(HasSubstr("override 'train.steps=ten'"), HasSubstr("an integer")));
  EXPECT_THAT(parse_error("", {"data.train=[a"}), HasSubstr("not valid YAML"));
  EXPECT_THAT(parse_error("", {"run.dir=#1"}), HasSubstr("put it in quotes"));
  EXPECT_THAT(parse_error("", {"run.dir=%x"}), HasSubstr("override 'run.dir=%x'"));
  EXPECT_THAT(parse_error("", {"=1"}), HasSubstr("is not a known key"));
}

TEST(ReadConfig, UnknownKeysNameLineAndNearest) {
  const std::string message = parse_error("seed: 1\noptimizer:\n  lr: 1\n  lrr: 2\n");
  EXPECT_THAT(message, StartsWith("run.yaml:4: optimizer.lrr is not a known key"));
  EXPECT_THAT(message, HasSubstr("nearest one is optimizer.lr "));
  EXPECT_THAT(parse_error("optimiser: {lr: 1}"), HasSubstr("nearest one is optimizer "));
  EXPECT_THAT(parse_error("lr: 1"), HasSubstr("nearest one is optimizer.lr "));
  EXPECT_THAT(parse_error("grpo: {temperature: 1}"),
              HasSubstr("nearest one is rollout.temperature "));
  EXPECT_THAT(parse_error("seeds: 1"), HasSubstr("nearest one is seed "));
  EXPECT_THAT(parse_error("sead: {a: {b: {c: 1}}}"), HasSubstr("nearest one is seed "));
  EXPECT_THAT(parse_error("optimizer: {lr: {peak: 1}}"), HasSubstr("optimizer.lr is a map"));
  EXPECT_THAT(parse_error("optimizer.lr.peak: 1"), HasSubstr("optimizer.lr.peak"));
  EXPECT_THAT(parse_error("b: &x {seed: 1}\n<<: *x"), HasSubstr("b is not a known key"));
  EXPECT_LT(parse_error(std::string(100000, 'x') + "y: 1").size(), 300u);
}

TEST(ReadConfig, KeysThatStandTwice) {
  EXPECT_THAT(parse_error("seed: 1\nseed: 1\n"), StartsWith("run.yaml:2: seed stands twice"));
  EXPECT_THAT(parse_error("optimizer: {lr: 1}\noptimizer: {eps: 1}\n"),
              StartsWith("run.yaml:2: optimizer stands twice"));
  EXPECT_THAT(parse_error("optimizer: {lr: 1}\noptimizer.lr: 2\n"),
              StartsWith("run.yaml:2: optimizer.lr stands twice"));
}

TEST(ReadConfig, IntegersAreStrict) {
  for (const std::string text : {"1e3", "1.5", "0x10", "1_000", "'5'", "+5", "true", "five", "--5",
                                 "[1]", "{a: 1}", "5 6", "1.0", ".inf"}) {
    const std::string message = parse_error("seed: 0\ntrain:\n  steps: " + text + "\n");
    EXPECT_THAT(message, StartsWith("run.yaml:3: train.steps is ")) << text;
    EXPECT_THAT(message, HasSubstr("it must be an integer")) << text;
  }
}

TEST(ReadConfig, NumbersAreStrict) {
  for (const std::string text :
       {"abc", "'0.5'", "1e", "0x1p3", "1;5", ".nan", "nan", "true", "[1]"}) {
    EXPECT_THAT(parse_error("optimizer: {lr: " + text + "}"),
                AllOf(HasSubstr("optimizer.lr is "), HasSubstr("it must be a number")))
        << text;
  }
  for (const std::string text : {"inf", "1e999", "-inf", "1e-999"}) {
    EXPECT_THAT(parse_error("reward: {f1: " + text + "}"),
                AllOf(HasSubstr("reward.f1 is " + text), HasSubstr("finite")));
  }
  EXPECT_DOUBLE_EQ(parse("optimizer: {lr: 1}").optimizer.lr, 1.0);
  EXPECT_DOUBLE_EQ(parse("optimizer: {lr: 2E-5}").optimizer.lr, 2e-5);
}

TEST(ReadConfig, BooleansAreTrueAndFalse) {
  EXPECT_TRUE(parse("rollout: {record: true}").rollout.record);
  EXPECT_FALSE(parse("prompt: {cot: false}").prompt.cot);
  for (const std::string text : {"yes", "no", "on", "True", "TRUE", "1", "'true'", "~"}) {
    EXPECT_THAT(parse_error("rollout: {record: " + text + "}"), HasSubstr("true or false")) << text;
  }
}

TEST(ReadConfig, WrongWordsAndLists) {
  EXPECT_THAT(
      parse_error("learner: {shard: optimiser}"),
      HasSubstr("'optimiser', it must be one of none | optimizer | gradients | parameters"));
  EXPECT_THAT(parse_error("learner: {shard: Optimizer}"), HasSubstr("one of none"));
  EXPECT_THAT(parse_error("learner: {shard: [none]}"), HasSubstr("a list"));
  EXPECT_THAT(parse_error("data: {train: {a: b}}"), HasSubstr("a text or a list of texts"));
  EXPECT_THAT(parse_error("data: {train: [a, [b]]}"), HasSubstr("a list, it must be a text"));
  EXPECT_THAT(parse_error("data: {train: [a, ~]}"), HasSubstr("is empty"));
  EXPECT_THAT(parse_error("optimizer: {betas: 0.9}"), HasSubstr("a list of numbers"));
  EXPECT_THAT(parse_error("optimizer: {betas: [0.9, x]}"), HasSubstr("'x'"));
  EXPECT_THAT(parse_error("run: {dir: [a]}"), HasSubstr("it must be a text"));
  EXPECT_THAT(parse_error("optimizer: 3"), HasSubstr("'3', it must be a map of keys"));
}

// What is held in 32 bits further on is refused, not cut to what happens to fit.
TEST(ReadConfig, WhatIsNarrowedHasAMaximum) {
  for (const char* key : {"rollout.top_k", "rollout.prompts_per_step", "grpo.refill_prompts",
                          "sft.batch_size", "train.steps"}) {
    for (const char* value : {"2147483648", "4294967296", "9223372036854775807"}) {
      EXPECT_THAT(usage_error([&] { parse("", {concat(key, "=", value)}); }),
                  AllOf(HasSubstr(concat(key, " is ", value)), HasSubstr("to 2147483647")));
    }
    parse("", {concat(key, "=2147483647")});
  }
  EXPECT_THAT(usage_error([] { parse("", {"train.epochs=1e30"}); }),
              AllOf(HasSubstr("train.epochs is 1e30"), HasSubstr("from 0 to 1e+06")));
}

TEST(ReadConfig, RangesNameBothNumbers) {
  EXPECT_THAT(parse_error("seed: 0\noptimizer: {warmup_ratio: 1.5}"),
              AllOf(StartsWith("run.yaml:2: "), HasSubstr("is 1.5"), HasSubstr("from 0 to 1")));
  EXPECT_THAT(parse_error("optimizer: {lr: -1}"), AllOf(HasSubstr("-1"), HasSubstr("at least 0")));
  EXPECT_THAT(parse_error("optimizer: {betas: [0.9, 2]}"),
              HasSubstr("is 2, it must be from 0 to 1"));
  EXPECT_THAT(parse_error("cluster: {workers: 0}"),
              AllOf(HasSubstr("is 0"), HasSubstr("from 1 to 1048576")));
  EXPECT_THAT(parse_error("cluster: {workers: 99999999999}"),
              AllOf(HasSubstr("99999999999"), HasSubstr("from 1 to 1048576")));
  EXPECT_THAT(parse_error("seed: -1"),
              AllOf(HasSubstr("is -1"), HasSubstr("from 0 to 18446744073709551615")));
  EXPECT_THAT(parse_error("seed: 18446744073709551616"),
              HasSubstr("18446744073709551616, it must be from 0 to 18446744073709551615"));
  EXPECT_THAT(parse_error("train: {eval_every: 9223372036854775808}"),
              HasSubstr("from 0 to 9223372036854775807"));
}

TEST(ReadConfig, FilesAreNamed) {
  EXPECT_THAT(usage_error([] { load_config("no/such/file.yaml", {}); }),
              HasSubstr("no/such/file.yaml"));
  const std::filesystem::path file =
      std::filesystem::path(::testing::TempDir()) / "cogent_read.yaml";
  write_file_atomic(file, "seed: 7\n", ErrorCode::kUsage);
  const std::vector<std::string> overrides = {"train.steps=3"};
  EXPECT_EQ(load_config(file, overrides).seed, 7u);
  EXPECT_EQ(load_config(file, overrides).train.steps, 3);
  write_file_atomic(file, "sead: 7\n", ErrorCode::kUsage);
  EXPECT_THAT(usage_error([&] { load_config(file, {}); }), StartsWith(file.string() + ":1: sead"));
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace cogent::testing
