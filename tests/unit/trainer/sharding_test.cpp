// What may be chosen freely and changes no bit under `numerics: exact`: the number of learners, the
// shard mode, recomputation, prefetch, and a change of all of them behind a checkpoint.
#include "core/model/weights/number_formats.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"
#include "tests/mpi/mpi_session.hpp"
#include "tests/unit/trainer/learner_testing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace cogent::trainer {
namespace {

using namespace testing;

constexpr std::array kModes = {ShardMode::kNone, ShardMode::kOptimizer, ShardMode::kGradients,
                               ShardMode::kParameters};

RunConfig with(Numerics numerics, ShardMode shard, Recompute recompute = Recompute::kNone,
               std::int64_t prefetch = 1) {
  RunConfig config = test_config();
  config.grpo.num_iterations = 1;
  config.numerics = numerics;
  config.learner.shard = shard;
  config.learner.recompute = recompute;
  config.learner.prefetch = prefetch;
  return config;
}

std::string describe(const RunConfig& config) {
  return concat("shard mode ", static_cast<int>(config.learner.shard), ", recompute ",
                static_cast<int>(config.learner.recompute), ", prefetch ", config.learner.prefetch);
}

TEST(LargestDifference, IsInfiniteWhereAWeightIsNoNumber) {
  const auto self = distributed::make_self_communicator("alone");
  const TestLearner run(test_config(), *self, "llama_gqa3_tied", 1);
  const model::ModelWeights& weights = run.policy.weights();
  model::ModelWeights broken = weights;
  broken.flat.front() = broken.flat.front().clone();
  EXPECT_EQ(largest_difference(weights, broken), 0);
  broken.flat.front().mutable_data_ptr<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(largest_difference(weights, broken), std::numeric_limits<double>::infinity());
  EXPECT_EQ(largest_difference(broken, weights), std::numeric_limits<double>::infinity());
}

class Sharding : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto self = distributed::make_self_communicator("alone");
    const TestLearner probe(with(Numerics::kFast, ShardMode::kNone), *self, GetParam(), 1);
    exact_ = probe.model.rows_are_independent();
  }
  bool exact_ = false;
  distributed::Communicator& world() { return tests::mpi_session().world(); }
};

TEST_P(Sharding, ChangesNoBitUnderExactNumerics) {
  if (!exact_) {
    GTEST_SKIP() << "no own kernels for this CPU, which numerics: exact needs";
  }
  const auto self = distributed::make_self_communicator("alone");
  const Outcome alone = train(with(Numerics::kExact, ShardMode::kNone), *self, GetParam());
  EXPECT_GT(alone.metrics.grad_norm, 0);
  EXPECT_EQ(alone.metrics.skipped, 0);
  for (const RunConfig& config :
       {with(Numerics::kExact, ShardMode::kNone, Recompute::kFull),
        with(Numerics::kExact, ShardMode::kOptimizer),
        with(Numerics::kExact, ShardMode::kGradients),
        with(Numerics::kExact, ShardMode::kGradients, Recompute::kFull),
        with(Numerics::kExact, ShardMode::kParameters, Recompute::kNone, 2),
        with(Numerics::kExact, ShardMode::kParameters, Recompute::kFull, 0)}) {
    const Outcome together = train(config, world(), GetParam());
    EXPECT_EQ(together.hash, alone.hash) << describe(config);
    EXPECT_EQ(together.metrics.loss, alone.metrics.loss) << describe(config);
    EXPECT_EQ(together.metrics.grad_norm, alone.metrics.grad_norm) << describe(config);
    EXPECT_EQ(largest_difference(together.weights, alone.weights), 0) << describe(config);
  }
}

// The float32 master does not depend on the cluster, and what is computed with is its rounding.
TEST_P(Sharding, ChangesNoBitWithBfloat16Weights) {
  if (!exact_) {
    GTEST_SKIP() << "no own kernels for this CPU, which numerics: exact needs";
  }
  const auto bfloat16 = [](ShardMode shard, Recompute recompute, std::int64_t prefetch) {
    RunConfig config = with(Numerics::kExact, shard, recompute, prefetch);
    config.model.weights = WeightType::kBFloat16;
    return config;
  };
  const auto self = distributed::make_self_communicator("alone");
  const Outcome alone = train(bfloat16(ShardMode::kNone, Recompute::kNone, 1), *self, GetParam());
  EXPECT_GT(alone.metrics.grad_norm, 0);
  for (const RunConfig& config : {bfloat16(ShardMode::kOptimizer, Recompute::kNone, 1),
                                  bfloat16(ShardMode::kParameters, Recompute::kNone, 2),
                                  bfloat16(ShardMode::kParameters, Recompute::kFull, 0)}) {
    const Outcome together = train(config, world(), GetParam());
    EXPECT_EQ(together.hash, alone.hash) << describe(config);
    EXPECT_EQ(together.metrics.loss, alone.metrics.loss) << describe(config);
    for (std::size_t unit = 0; unit < alone.weights.flat.size(); ++unit) {
      EXPECT_EQ(together.weights.flat[unit].scalar_type(), at::kBFloat16);
      EXPECT_TRUE(together.weights.flat[unit].equal(alone.weights.flat[unit])) << describe(config);
    }
  }
}

TEST_P(Sharding, ComputesWithTheRoundingOfTheMaster) {
  for (const ShardMode shard : {ShardMode::kOptimizer, ShardMode::kParameters}) {
    RunConfig config = with(Numerics::kFast, shard);
    config.model.weights = WeightType::kBFloat16;
    TestLearner run(config, world(), GetParam(), 2);
    run.learner.grpo_step(make_groups(run.model.config().vocab_size));
    std::int64_t unlike = 0;  // values that the master has more digits of
    for (std::size_t unit = 0; unit < run.policy.layout().units().size(); ++unit) {
      const std::span<const float> master = run.policy.own_weights(unit);
      const distributed::Buffer computed = run.policy.computed_weights(unit);
      ASSERT_EQ(computed.type, distributed::DataType::kBFloat16);
      ASSERT_EQ(computed.count, static_cast<std::int64_t>(master.size()));
      const auto* const bits = static_cast<const std::uint16_t*>(computed.data);
      for (std::size_t i = 0; i < master.size(); ++i) {
        ASSERT_EQ(bits[i], model::float_to_bfloat16(master[i]));
        unlike += model::bfloat16_to_float(bits[i]) != master[i] ? 1 : 0;
      }
    }
    EXPECT_GT(unlike, 0);
  }
}

TEST_P(Sharding, ChangesOnlyRoundingUnderFastNumerics) {
  const auto self = distributed::make_self_communicator("alone");
  const Outcome alone = train(with(Numerics::kFast, ShardMode::kNone), *self, GetParam());
  for (const ShardMode shard :
       {ShardMode::kOptimizer, ShardMode::kGradients, ShardMode::kParameters}) {
    const RunConfig config = with(Numerics::kFast, shard);
    const Outcome together = train(config, world(), GetParam());
    EXPECT_LT(largest_difference(together.weights, alone.weights), 1e-5) << describe(config);
    EXPECT_NEAR(together.metrics.grad_norm, alone.metrics.grad_norm, 1e-5 * alone.metrics.grad_norm)
        << describe(config);
    if (shard == ShardMode::kParameters) {
      EXPECT_EQ(train(with(Numerics::kFast, shard, Recompute::kFull), world(), GetParam()).hash,
                together.hash)
          << "recomputed";
    }
  }
}

// One rounding of each learner's part, the same in every run; alone nothing travels.
TEST_P(Sharding, GradientsInBfloat16ChangeOnlyRounding) {
  for (const ShardMode shard : {ShardMode::kOptimizer, ShardMode::kParameters}) {
    const RunConfig in_float32 = with(Numerics::kFast, shard);
    RunConfig config = in_float32;
    config.learner.reduce = WeightType::kBFloat16;
    const Outcome expected = train(in_float32, world(), GetParam());
    const Outcome rounded = train(config, world(), GetParam());
    EXPECT_EQ(rounded.hash == expected.hash, world().size() == 1) << describe(config);
    EXPECT_LT(largest_difference(rounded.weights, expected.weights), 1e-2) << describe(config);
    EXPECT_NEAR(rounded.metrics.grad_norm, expected.metrics.grad_norm,
                1e-2 * expected.metrics.grad_norm)
        << describe(config);
    EXPECT_EQ(train(config, world(), GetParam()).hash, rounded.hash) << "a second run";
  }
}

TEST_P(Sharding, AStepSaysWhatReductionAndOptimizerTook) {
  const RunConfig config = with(Numerics::kFast, ShardMode::kGradients);
  TestLearner run(config, world(), GetParam(), 1);
  const auto start = std::chrono::steady_clock::now();
  const StepMetrics metrics = run.learner.grpo_step(make_groups(run.model.config().vocab_size));
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
  EXPECT_GT(metrics.reduction_seconds, 0);
  EXPECT_GT(metrics.optimizer_seconds, 0);
  EXPECT_LT(metrics.reduction_seconds + metrics.optimizer_seconds, whole.count());
}

TEST_P(Sharding, AnUpdateThatCannotBeAddedIsSkippedByAllLearners) {
  for (const Numerics numerics : {Numerics::kFast, Numerics::kExact}) {
    for (const ShardMode shard : {ShardMode::kOptimizer, ShardMode::kParameters}) {
      if (numerics == Numerics::kExact && !exact_) {
        continue;
      }
      RunConfig config = with(numerics, shard);
      config.grpo.scale_rewards = ScaleRewards::kNone;
      config.rollout.prompts_per_step = 2;  // one mini-batch
      TestLearner run(config, world(), GetParam(), 2);
      const std::uint64_t before = run.policy.weights_xxh3();
      std::vector<RolloutGroup> groups = make_groups(run.model.config().vocab_size);
      // One completion, so one micro-batch of one learner.
      double& reward = groups.front().completions.front().reward;
      const double usual = reward;
      reward = std::numeric_limits<double>::infinity();
      groups.resize(2);
      const StepMetrics skipped = run.learner.grpo_step(groups);
      EXPECT_EQ(skipped.skipped, 1) << describe(config);
      EXPECT_EQ(run.policy.weights_xxh3(), before);
      EXPECT_EQ(run.policy.updates(), 0);
      EXPECT_EQ(run.learner.schedule_position(), 1);
      // Nothing of it is left in the next update.
      reward = usual;
      const StepMetrics good = run.learner.grpo_step(groups);
      EXPECT_EQ(good.skipped, 0) << describe(config);
      EXPECT_EQ(run.policy.updates(), 1);
      EXPECT_NE(run.policy.weights_xxh3(), before);
    }
  }
}

TEST_P(Sharding, AFiniteValueOutOfTheRangeIsSkippedUnderExactNumericsAlone) {
  for (const Numerics numerics : {Numerics::kFast, Numerics::kExact}) {
    if (numerics == Numerics::kExact && !exact_) {
      continue;
    }
    RunConfig config = with(numerics, ShardMode::kGradients);
    config.grpo.scale_rewards = ScaleRewards::kNone;
    TestLearner run(config, world(), GetParam(), 1);
    std::vector<RolloutGroup> groups = make_groups(run.model.config().vocab_size);
    groups.resize(2);
    groups.front().completions.front().reward = 1e9;
    EXPECT_EQ(run.learner.grpo_step(groups).skipped, numerics == Numerics::kExact ? 1 : 0);
  }
}

// A folder that all ranks use and rank 0 removes.
class SharedFolder {
 public:
  explicit SharedFolder(distributed::Communicator& ranks) : ranks_(ranks) {
    std::string path = (std::filesystem::temp_directory_path() / "cogent-reshard-XXXXXX").string();
    if (ranks.rank() == 0 && mkdtemp(path.data()) == nullptr) {
      path.clear();
    }
    const auto bytes =
        distributed::broadcast_bytes(ranks, std::as_bytes(std::span(path)), 0, "the test's folder");
    path_ = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  ~SharedFolder() {
    ranks_.barrier("end of the test's folder").wait();
    if (ranks_.rank() == 0) {
      std::filesystem::remove_all(path_);
    }
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  distributed::Communicator& ranks_;
  std::filesystem::path path_;
};

// One step by `learners`, from the newest checkpoint of the folder to the next one.
void run_step(const RunConfig& config, distributed::Communicator& learners,
              const std::string& fixture, std::int64_t step, const std::filesystem::path& folder) {
  TestLearner run(config, learners, fixture, 4);
  distributed::CheckpointStore store(folder, learners, 2);
  if (const auto state = store.find_latest()) {
    EXPECT_EQ(state->step, step);
    run.policy.restore(store, *state);
    run.learner.set_schedule_position(std::stoll(state->counters.at("schedule_position")));
  }
  run.learner.grpo_step(make_groups(run.model.config().vocab_size));
  distributed::CheckpointState state;
  state.step = step + 1;
  state.updates = run.policy.updates();
  state.stage = "grpo";
  state.weights_xxh3 = run.policy.weights_xxh3();
  state.counters = {{"schedule_position", std::to_string(run.learner.schedule_position())}};
  store.save(state, run.policy.checkpoint_shards(), {});
}

// Four steps by 2, 3, 1 and 4 of the world's 4 ranks, each in another mode, against one learner.
void expect_resharding_changes_no_bit(const std::string& fixture, WeightType weights) {
  distributed::Communicator& world = tests::mpi_session().world();
  const auto config = [&](ShardMode shard) {
    RunConfig run = with(Numerics::kExact, shard);
    run.model.weights = weights;
    return run;
  };
  const SharedFolder folder(world);
  const std::array learners = {2, 3, 1, 4};
  for (std::size_t step = 0; step < learners.size(); ++step) {
    std::vector<int> ranks(static_cast<std::size_t>(learners[step]));
    std::iota(ranks.begin(), ranks.end(), 0);
    const auto communicator = tests::mpi_session().communicator(ranks, "learners");
    if (communicator != nullptr) {
      run_step(config(kModes[3 - step]), *communicator, fixture, static_cast<std::int64_t>(step),
               folder.path() / "changing");
    }
    world.barrier("step of some learners").wait();
  }
  const auto self = distributed::make_self_communicator("alone");
  TestLearner alone(config(ShardMode::kNone), *self, fixture, 4);
  for (std::size_t step = 0; step < learners.size(); ++step) {
    alone.learner.grpo_step(make_groups(alone.model.config().vocab_size));
  }
  const auto newest = distributed::latest_checkpoint(folder.path() / "changing");
  ASSERT_TRUE(newest);
  EXPECT_EQ(distributed::read_checkpoint_state(*newest).weights_xxh3, alone.policy.weights_xxh3());
}

TEST_P(Sharding, AnotherNumberOfLearnersAndModeBehindEachCheckpointChangesNoBit) {
  if (!exact_) {
    GTEST_SKIP() << "no own kernels for this CPU, which numerics: exact needs";
  }
  if (world().size() != 4) {
    GTEST_SKIP() << "needs 4 ranks, there are " << world().size();
  }
  expect_resharding_changes_no_bit(GetParam(), WeightType::kFloat32);
  if (std::string(GetParam()) == "llama_gqa3_tied") {
    expect_resharding_changes_no_bit(GetParam(), WeightType::kBFloat16);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Sharding,
                         ::testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen3_qknorm",
                                           "random:family=qwen2,hidden=48,intermediate=80,layers=2,"
                                           "heads=3,kv_heads=1,head_dim=12,vocab=83,seed=3"));

}  // namespace
}  // namespace cogent::trainer
