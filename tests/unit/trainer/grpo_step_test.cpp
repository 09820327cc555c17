#include "core/config/config.hpp"
#include "core/config/presets.hpp"
#include "tests/mpi/mpi_session.hpp"
#include "tests/unit/trainer/learner_testing.hpp"
#include "trainer/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace cogent::trainer {
namespace {

using testing::make_groups;
using testing::test_config;
using testing::TestLearner;

constexpr const char* kModel = "llama_gqa3_tied";

// One update a step, over all groups.
RunConfig one_update() {
  RunConfig config = test_config();
  config.grpo.num_iterations = 1;
  config.grpo.mini_batch_prompts = 0;
  return config;
}

std::vector<RolloutGroup> groups_of(const TestLearner& run) {
  return make_groups(run.model.config().vocab_size);
}

// Log-probabilities that another policy may have recorded.
void record(std::vector<RolloutGroup>& groups) {
  for (RolloutGroup& group : groups) {
    for (Completion& completion : group.completions) {
      for (std::size_t t = 0; t < completion.ids.size(); ++t) {
        completion.logprobs.push_back(-1.0F - static_cast<float>(t));
      }
    }
  }
}

struct Result {
  StepMetrics metrics;
  std::uint64_t hash = 0;
};

Result step(const RunConfig& config, std::span<const RolloutGroup> groups) {
  TestLearner run(config, tests::mpi_session().world(), kModel, 1);
  Result result;
  result.metrics = run.learner.grpo_step(groups);
  result.hash = run.policy.weights_xxh3();
  return result;
}

std::vector<RolloutGroup> example_groups() {
  return groups_of(TestLearner(test_config(), tests::mpi_session().world(), kModel, 1));
}

TEST(GrpoStep, AGroupWithoutVarianceIsNotComputedAndCounts) {
  std::vector<RolloutGroup> groups = example_groups();
  for (Completion& completion : groups[1].completions) {
    completion.reward = 0.1;
  }
  RunConfig config = one_update();
  config.grpo.beta = 0;
  const StepMetrics skipped = step(config, groups).metrics;
  EXPECT_EQ(skipped.skipped_sequences, 3);
  // A KL term too small to matter has every sequence computed.
  config.grpo.beta = 1e-12;
  const StepMetrics computed = step(config, groups).metrics;
  EXPECT_EQ(computed.skipped_sequences, 0);
  EXPECT_EQ(skipped.tokens, computed.tokens);
  EXPECT_NEAR(skipped.loss, computed.loss, 1e-6);
  EXPECT_NEAR(skipped.grad_norm, computed.grad_norm, 1e-4 * computed.grad_norm);
}

// The update is made all the same, with a gradient of zero: the weights stay as there is no decay
// and the moments begin at zero.
TEST(GrpoStep, WithoutAnyGradientNothingIsComputedAndTheUpdateCounts) {
  std::vector<RolloutGroup> groups = example_groups();
  for (RolloutGroup& group : groups) {
    for (Completion& completion : group.completions) {
      completion.reward = 1;
    }
  }
  RunConfig config = test_config();
  config.rollout.prompts_per_step = static_cast<std::int64_t>(groups.size());
  config.grpo.beta = 0;
  config.optimizer.weight_decay = 0;
  TestLearner run(config, tests::mpi_session().world(), kModel, 1);
  const std::uint64_t before = run.policy.weights_xxh3();
  const StepMetrics metrics = run.learner.grpo_step(groups);
  EXPECT_EQ(run.policy.weights_xxh3(), before);
  EXPECT_EQ(metrics.skipped_sequences, 15);
  EXPECT_EQ(metrics.grad_norm, 0);
  EXPECT_EQ(metrics.loss, 0);
  EXPECT_EQ(metrics.advantage_std, 0);
  EXPECT_TRUE(std::isnan(metrics.entropy)) << "a mean over no token";
  EXPECT_TRUE(std::isnan(metrics.ratio_mean));
  EXPECT_TRUE(std::isnan(metrics.importance_mean));
  EXPECT_TRUE(std::isnan(metrics.importance_max));
  const std::int64_t updates = 2 * 3;  // two passes over mini-batches of two of the five prompts
  EXPECT_EQ(run.policy.updates(), updates);
  EXPECT_EQ(metrics.updates, updates);
  EXPECT_EQ(run.learner.schedule_position(), updates);
}

// As dynamic sampling leaves them: fewer updates, and the schedule is where a whole step leaves it.
TEST(GrpoStep, AStepShortOfGroupsMovesTheScheduleByAWholeStep) {
  RunConfig config = test_config();
  config.rollout.prompts_per_step = 8;
  const std::int64_t whole = 2 * 4;  // two passes over mini-batches of two of the eight prompts
  TestLearner run(config, tests::mpi_session().world(), kModel, 2);
  const std::vector<RolloutGroup> groups = groups_of(run);
  EXPECT_EQ(run.learner.grpo_step(std::span(groups).first(3)).updates, 2 * 2);
  EXPECT_EQ(run.policy.updates(), 2 * 2);
  EXPECT_EQ(run.learner.schedule_position(), whole);

  const std::uint64_t before = run.policy.weights_xxh3();
  const StepMetrics metrics = run.learner.grpo_step({});
  EXPECT_EQ(metrics.updates, 0);
  EXPECT_EQ(metrics.tokens, 0);
  EXPECT_EQ(metrics.loss, 0);
  EXPECT_EQ(metrics.lr, learning_rate(config.optimizer, whole, 2 * whole));
  EXPECT_TRUE(std::isnan(metrics.entropy));
  EXPECT_EQ(run.policy.weights_xxh3(), before);
  EXPECT_EQ(run.policy.updates(), 2 * 2);
  EXPECT_EQ(run.learner.schedule_position(), 2 * whole);
}

TEST(GrpoStep, DifferencesFromTheSamplerAreCountedWhereItRecorded) {
  std::vector<RolloutGroup> groups = example_groups();
  const DifferenceCounts none = {};
  EXPECT_EQ(step(one_update(), groups).metrics.logprob_differences, none);
  record(groups);
  const Result recorded = step(one_update(), groups);
  const DifferenceCounts& counts = recorded.metrics.logprob_differences;
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0.0),
            static_cast<double>(recorded.metrics.tokens));
  EXPECT_GT(recorded.metrics.ratio_max_deviation, 0.01);
  EXPECT_NE(recorded.metrics.ratio_mean, 1);
}

// The ratio is relative to what the learner computes; what the sampler recorded has its weight.
TEST(GrpoStep, AProximalPolicyTakesTheSamplersPlaceInTheRatio) {
  std::vector<RolloutGroup> groups = example_groups();
  record(groups);
  RunConfig config = one_update();
  config.grpo.old_policy = OldPolicy::kProximal;
  config.grpo.importance_cap = 1.5;
  const StepMetrics metrics = step(config, groups).metrics;
  EXPECT_NEAR(metrics.ratio_mean, 1, 1e-6);
  EXPECT_LT(metrics.ratio_max_deviation, 1e-5);
  EXPECT_LE(metrics.importance_max, 1.5);
  EXPECT_GT(metrics.importance_max, 0);
  EXPECT_LT(metrics.importance_mean, 1.5);
  const StepMetrics behavior = step(one_update(), groups).metrics;
  EXPECT_EQ(behavior.importance_mean, 1);
  EXPECT_EQ(behavior.importance_max, 1);
  EXPECT_NE(behavior.loss, metrics.loss);
}

TEST(GrpoStep, KlInTheRewardMovesTheAdvantages) {
  std::vector<RolloutGroup> groups = example_groups();
  record(groups);
  for (RolloutGroup& group : groups) {
    for (Completion& completion : group.completions) {
      completion.reward = 1;
    }
  }
  RunConfig config = one_update();
  config.grpo.kl_in = KlPlace::kReward;
  config.grpo.kl_estimator = KlEstimator::kK1;
  const StepMetrics metrics = step(config, groups).metrics;
  EXPECT_GT(metrics.advantage_std, 0) << "equal rewards, but not the KL";
  EXPECT_NE(metrics.kl, 0);
  EXPECT_GT(metrics.grad_norm, 0);
}

TEST(GrpoStep, AnEntropyBonusRaisesTheEntropy) {
  std::vector<RolloutGroup> groups = example_groups();
  for (RolloutGroup& group : groups) {
    for (Completion& completion : group.completions) {
      completion.reward = 1;
    }
  }
  RunConfig config = one_update();
  config.grpo.beta = 0;
  config.grpo.entropy_coef = 0.1;
  TestLearner run(config, tests::mpi_session().world(), kModel, 3);
  const StepMetrics first = run.learner.grpo_step(groups);
  EXPECT_EQ(first.skipped_sequences, 0);
  EXPECT_GT(first.grad_norm, 0);
  EXPECT_LT(first.loss, 0);
  const StepMetrics second = run.learner.grpo_step(groups);
  EXPECT_GT(second.entropy, first.entropy);
  EXPECT_GT(run.learner.grpo_step(groups).entropy, second.entropy);
}

// The presets, and one configuration for each idea that none of them has.
std::map<std::string, GrpoSettings> objectives() {
  std::map<std::string, GrpoSettings> all;
  for (const Preset& preset : presets()) {
    const std::string name(preset.name);
    all[name] = parse_config("preset: " + name, "the test", {}).grpo;
  }
  const auto add = [&](const std::string& name, const auto& change) {
    all[name] = one_update().grpo;
    change(all[name]);
  };
  add("grpo", [](GrpoSettings& grpo) { grpo.loss = LossType::kGrpo; });
  add("bnpo", [](GrpoSettings& grpo) { grpo.loss = LossType::kBnpo; });
  add("token sum norm", [](GrpoSettings& grpo) { grpo.loss = LossType::kTokenSumNorm; });
  add("dual clip, k1", [](GrpoSettings& grpo) {
    grpo.delta = 1.5;
    grpo.kl_estimator = KlEstimator::kK1;
  });
  add("leave one out", [](GrpoSettings& grpo) {
    grpo.beta = 0;
    grpo.baseline = Baseline::kLeaveOneOut;
    grpo.scale_rewards = ScaleRewards::kNone;
  });
  add("kl in the reward", [](GrpoSettings& grpo) {
    grpo.kl_in = KlPlace::kReward;
    grpo.scale_rewards = ScaleRewards::kBatch;
  });
  add("proximal, truncated", [](GrpoSettings& grpo) {
    grpo.old_policy = OldPolicy::kProximal;
    grpo.num_iterations = 2;
  });
  add("proximal, masked sequences", [](GrpoSettings& grpo) {
    grpo.old_policy = OldPolicy::kProximal;
    grpo.importance = Importance::kMask;
    grpo.importance_level = RatioLevel::kSequence;
    grpo.importance_cap = 1e9;
  });
  add("entropy, mini-batches", [](GrpoSettings& grpo) {
    grpo.entropy_coef = 0.01;
    grpo.mini_batch_prompts = 2;
  });
  return all;
}

// However many learners share a step, and in whatever deal: the same bits where the CPU has own
// kernels, and elsewhere the same but for rounding.
TEST(GrpoStep, LearnersShareEveryObjective) {
  std::vector<RolloutGroup> groups = example_groups();
  record(groups);
  const auto self = distributed::make_self_communicator("alone");
  for (const auto& [name, grpo] : objectives()) {
    SCOPED_TRACE(name);
    RunConfig config = one_update();
    config.grpo = grpo;
    config.numerics = model::cpu_ops().reads_panels ? Numerics::kExact : Numerics::kFast;
    const Result together = step(config, groups);
    TestLearner run(config, *self, kModel, 1);
    const StepMetrics alone = run.learner.grpo_step(groups);
    EXPECT_GT(alone.grad_norm, 0);
    if (config.numerics == Numerics::kExact) {
      EXPECT_EQ(together.hash, run.policy.weights_xxh3());
      EXPECT_EQ(together.metrics.loss, alone.loss);
      EXPECT_EQ(together.metrics.grad_norm, alone.grad_norm);
    } else {
      EXPECT_NEAR(together.metrics.loss, alone.loss, 1e-5);
      EXPECT_NEAR(together.metrics.grad_norm, alone.grad_norm, 1e-3 * alone.grad_norm);
    }
    EXPECT_NEAR(together.metrics.kl, alone.kl, 1e-5);
    EXPECT_NEAR(together.metrics.ratio_mean, alone.ratio_mean, 1e-4);
  }
}

}  // namespace
}  // namespace cogent::trainer
