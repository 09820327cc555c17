// model.compute: bfloat16 in training: float32 master weights, moments and sums of gradients over
// bfloat16 computation.
#include "core/base/error.hpp"
#include "core/model/weights/number_formats.hpp"
#include "tests/mpi/mpi_session.hpp"
#include "tests/unit/trainer/learner_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace cogent::trainer {
namespace {

using namespace testing;

RunConfig mixed(ShardMode shard = ShardMode::kOptimizer, Recompute recompute = Recompute::kNone) {
  RunConfig config = test_config();
  config.model.compute = WeightType::kBFloat16;
  config.learner.shard = shard;
  config.learner.recompute = recompute;
  return config;
}

struct Losses {
  double first = 0;
  double last = 0;
};

class MixedPrecision : public ::testing::TestWithParam<const char*> {
 protected:
  // Of so many SFT updates over the same sequences.
  Losses losses(const RunConfig& config, int updates) {
    TestLearner run(config, world(), GetParam(), updates);
    const std::vector<TrainSequence> sequences = sequences_of_groups(run.model.config().vocab_size);
    Losses result;
    for (int update = 0; update < updates; ++update) {
      result.last = run.learner.sft_step(sequences).loss;
      result.first = update == 0 ? result.last : result.first;
    }
    return result;
  }
  distributed::Communicator& world() { return tests::mpi_session().world(); }
};

// Updates far below half a unit of a weight's rounding: the master takes them up, and what is
// computed with follows once they have added up.
TEST_P(MixedPrecision, MasterTakesUpdatesThatItsRoundingLoses) {
  for (const ShardMode shard : {ShardMode::kOptimizer, ShardMode::kParameters}) {
    RunConfig config = mixed(shard);
    config.optimizer.lr = 1e-5;
    config.optimizer.weight_decay = 0;
    config.optimizer.schedule = Schedule::kConstant;
    TestLearner run(config, world(), GetParam(), 40);
    const std::vector<TrainSequence> sequences = sequences_of_groups(run.model.config().vocab_size);
    std::vector<std::vector<float>> before;
    for (std::size_t unit = 0; unit < run.policy.layout().units().size(); ++unit) {
      const std::span<const float> master = run.policy.own_weights(unit);
      before.emplace_back(master.begin(), master.end());
    }
    constexpr int kSteps = 20;
    for (int step = 0; step < kSteps; ++step) {
      run.learner.sft_step(sequences);
    }
    std::int64_t lost = 0;      // moved in the master by more than an update, not in its rounding
    std::int64_t followed = 0;  // moved in both
    for (std::size_t unit = 0; unit < before.size(); ++unit) {
      const std::span<const float> master = run.policy.own_weights(unit);
      const distributed::Buffer computed = run.policy.computed_weights(unit);
      ASSERT_EQ(computed.type, distributed::DataType::kBFloat16);
      const auto* const bits = static_cast<const std::uint16_t*>(computed.data);
      for (std::size_t i = 0; i < master.size(); ++i) {
        ASSERT_EQ(bits[i], model::float_to_bfloat16(master[i]));
        if (std::abs(master[i] - before[unit][i]) > 5e-5F) {
          (bits[i] == model::float_to_bfloat16(before[unit][i]) ? lost : followed) += 1;
        }
      }
    }
    EXPECT_GT(lost, 0);
    EXPECT_GT(followed, 0);
  }
}

// Against float32 computation with the same rounded weights. Two blocks round a value some 25 times
// each way, by 2^-8 at most.
TEST_P(MixedPrecision, StepsAreNearThoseOfFloat32) {
  RunConfig plain = test_config();
  plain.model.weights = WeightType::kBFloat16;
  const Outcome expected = train(plain, world(), GetParam());
  for (const RunConfig& config :
       {mixed(), mixed(ShardMode::kGradients), mixed(ShardMode::kParameters),
        mixed(ShardMode::kParameters, Recompute::kFull)}) {
    const Outcome got = train(config, world(), GetParam());
    EXPECT_EQ(got.metrics.skipped, 0);
    EXPECT_NEAR(got.metrics.loss, expected.metrics.loss, 0.02);
    EXPECT_NEAR(got.metrics.grad_norm, expected.metrics.grad_norm,
                0.05 * expected.metrics.grad_norm);
    EXPECT_NEAR(got.metrics.entropy, expected.metrics.entropy, 0.02 * expected.metrics.entropy);
    EXPECT_NE(got.hash, expected.hash);
  }
}

TEST_P(MixedPrecision, RecomputationChangesNoBit) {
  const Outcome kept = train(mixed(), world(), GetParam());
  EXPECT_EQ(train(mixed(ShardMode::kOptimizer, Recompute::kFull), world(), GetParam()).hash,
            kept.hash);
  EXPECT_EQ(train(mixed(), world(), GetParam()).hash, kept.hash) << "a second run";
}

TEST_P(MixedPrecision, LowersTheLossAsFloat32Does) {
  RunConfig plain = mixed();
  plain.model.compute = WeightType::kFloat32;
  const Losses expected = losses(plain, 15);
  const Losses got = losses(mixed(), 15);
  EXPECT_LT(expected.last, expected.first - 0.1);
  EXPECT_NEAR(got.first, expected.first, 0.02);
  EXPECT_NEAR(got.last, expected.last, 0.02);
}

TEST_P(MixedPrecision, TrainsAFloat32Adapter) {
  RunConfig config = mixed();
  config.lora.rank = 4;
  config.optimizer.lr = 1e-2;
  const Losses got = losses(config, 15);
  config.model.compute = WeightType::kFloat32;
  const Losses expected = losses(config, 15);
  EXPECT_LT(expected.last, expected.first - 0.02);
  EXPECT_NEAR(got.last, expected.last, 0.02);
  config.model.compute = WeightType::kBFloat16;
  TestLearner run(config, world(), GetParam(), 1);
  EXPECT_EQ(run.policy.weights().flat.front().scalar_type(), at::kBFloat16);
  EXPECT_EQ(run.policy.weights().adapter.front().scalar_type(), at::kFloat);
}

INSTANTIATE_TEST_SUITE_P(Families, MixedPrecision,
                         ::testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen3_qknorm",
                                           "random:family=qwen2,hidden=48,intermediate=80,layers=2,"
                                           "heads=3,kv_heads=1,head_dim=12,vocab=83,seed=3"));

TEST(MixedPrecisionRefusal, ExactNumericsSayWhatToSet) {
  RunConfig config = mixed();
  config.numerics = Numerics::kExact;
  try {
    const TestLearner run(config, tests::mpi_session().world(), "llama_gqa3_tied", 1);
    FAIL() << "no refusal";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("set numerics: fast"));
  }
}

}  // namespace
}  // namespace cogent::trainer
