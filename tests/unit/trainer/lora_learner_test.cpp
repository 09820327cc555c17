// A learner that trains an adapter over frozen weights: what is trained, what is sent, what is
// kept.
#include "core/model/panels.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"
#include "tests/mpi/mpi_session.hpp"
#include "tests/unit/trainer/learner_testing.hpp"
#include "trainer/weights_hash.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace cogent::trainer {
namespace {

using namespace testing;

constexpr const char* kModel =
    "random:family=qwen2,hidden=48,intermediate=80,layers=2,heads=3,kv_heads=1,head_dim=16,"
    "vocab=83,seed=3";

RunConfig lora_config(Numerics numerics, ShardMode shard, Recompute recompute = Recompute::kNone,
                      std::int64_t prefetch = 1) {
  RunConfig config = test_config();
  config.numerics = numerics;
  config.learner.shard = shard;
  config.learner.recompute = recompute;
  config.learner.prefetch = prefetch;
  config.lora.rank = 20;
  config.lora.targets = {"q_proj", "o_proj", "down_proj"};
  return config;
}

std::uint64_t source_hash(const model::WeightSource& source) {
  return weights_xxh3(model::unit_specs(source.config()),
                      [&](const model::ParameterSpec& parameter, std::span<float> values) {
                        source.read(parameter, values);
                      });
}

class LoraLearner : public ::testing::Test {
 protected:
  distributed::Communicator& world() { return tests::mpi_session().world(); }
  Numerics best() {
    const auto self = distributed::make_self_communicator("probe");
    const TestLearner probe(lora_config(Numerics::kFast, ShardMode::kNone), *self, kModel, 1);
    return probe.model.rows_are_independent() ? Numerics::kExact : Numerics::kFast;
  }
};

TEST_F(LoraLearner, AnyNumberOfLearnersAndShardModeGivesTheSameBits) {
  const Numerics numerics = best();
  if (numerics != Numerics::kExact) {
    GTEST_SKIP() << "no own kernels for this CPU, which numerics: exact needs";
  }
  const auto self = distributed::make_self_communicator("alone");
  const Outcome alone = train(lora_config(numerics, ShardMode::kNone), *self, kModel);
  EXPECT_GT(alone.metrics.grad_norm, 0);
  EXPECT_GT(alone.metrics.kl, 0) << "the reference does not follow the adapter";
  for (const RunConfig& config :
       {lora_config(numerics, ShardMode::kOptimizer), lora_config(numerics, ShardMode::kGradients),
        lora_config(numerics, ShardMode::kGradients, Recompute::kFull),
        lora_config(numerics, ShardMode::kParameters),
        lora_config(numerics, ShardMode::kParameters, Recompute::kNone, 0),
        lora_config(numerics, ShardMode::kParameters, Recompute::kFull, 3)}) {
    const Outcome together = train(config, world(), kModel);
    EXPECT_EQ(together.hash, alone.hash);
    EXPECT_EQ(together.metrics.loss, alone.metrics.loss);
    EXPECT_EQ(together.metrics.grad_norm, alone.metrics.grad_norm);
    EXPECT_EQ(largest_difference(together.weights, alone.weights), 0);
  }
}

TEST_F(LoraLearner, ShardsRoundedFrozenWeightsWithoutChangingABit) {
  const Numerics numerics = best();
  if (numerics != Numerics::kExact) {
    GTEST_SKIP() << "no own kernels for this CPU, which numerics: exact needs";
  }
  RunConfig config = lora_config(numerics, ShardMode::kNone);
  config.model.weights = WeightType::kBFloat16;
  const auto self = distributed::make_self_communicator("alone");
  const Outcome alone = train(config, *self, kModel);
  EXPECT_NE(alone.hash, train(lora_config(numerics, ShardMode::kNone), *self, kModel).hash);
  config.learner.shard = ShardMode::kParameters;
  EXPECT_EQ(train(config, world(), kModel).hash, alone.hash);
}

// Of the frozen weights a learner holds its shard alone, but while it needs them whole; then the
// adapter is the one that it trains.
TEST_F(LoraLearner, MakesTheFrozenWeightsWholeForAWhile) {
  TestLearner run(lora_config(best(), ShardMode::kParameters), world(), kModel, 1);
  const model::ModelWeights& weights = run.policy.weights();
  run.learner.grpo_step(make_groups(run.model.config().vocab_size));
  const bool shards = world().size() > 1;
  EXPECT_EQ(run.policy.gathers_units(), shards);
  EXPECT_EQ(weights.flat.front().defined(), !shards);
  {
    const WholeWeights whole(run.policy);
    const model::ModelWeights base =
        model::load_in_panels(run.model, *run.source, weights.flat.front().scalar_type());
    for (std::size_t unit = 0; unit < base.flat.size(); ++unit) {
      EXPECT_TRUE(weights.flat[unit].equal(base.flat[unit])) << unit;
      const std::size_t frozen = base.units[unit].size();
      ASSERT_EQ(weights.units[unit].size(),
                frozen + run.model.trained_units()[unit].parameters.size());
      for (std::size_t p = frozen; p < weights.units[unit].size(); ++p) {
        EXPECT_TRUE(weights.units[unit][p].is_alias_of(weights.adapter[unit]));
      }
    }
  }
  EXPECT_EQ(weights.flat.front().defined(), !shards);
}

TEST_F(LoraLearner, TrainsTheAdapterAloneAndKeepsTheBaseAsItWas) {
  TestLearner run(lora_config(best(), ShardMode::kOptimizer), world(), kModel, 1);
  const model::ModelWeights& weights = run.policy.weights();
  std::vector<at::Tensor> base, adapter;
  for (std::size_t unit = 0; unit < weights.flat.size(); ++unit) {
    base.push_back(weights.flat[unit].clone());
    adapter.push_back(weights.adapter[unit].clone());
  }
  const std::uint64_t before = run.policy.weights_xxh3();
  run.learner.grpo_step(make_groups(run.model.config().vocab_size));
  EXPECT_NE(run.policy.weights_xxh3(), before);
  for (std::size_t unit = 0; unit < base.size(); ++unit) {
    EXPECT_TRUE(weights.flat[unit].equal(base[unit])) << unit;
    EXPECT_EQ(weights.adapter[unit].equal(adapter[unit]), adapter[unit].numel() == 0) << unit;
  }
}

TEST_F(LoraLearner, ACheckpointHoldsTheAdapterAlone) {
  const TestLearner run(lora_config(best(), ShardMode::kOptimizer), world(), kModel, 1);
  std::int64_t held = 0;
  for (const auto& [kind, views] : run.policy.checkpoint_shards()) {
    for (const distributed::ShardView& view : views) {
      EXPECT_NE(view.place.parameter.find(".lora_"), std::string::npos) << view.place.parameter;
      held += static_cast<std::int64_t>(view.values.size());
    }
  }
  std::int64_t all = 0;
  for (const model::UnitSpec& unit : run.model.trained_units()) {
    for (const model::ParameterSpec& parameter : unit.parameters) {
      all += 3 * parameter.size();
    }
  }
  std::int64_t total = held;
  world()
      .all_reduce(distributed::Buffer(std::span(&total, 1)), distributed::ReduceOp::kSum, "values")
      .wait();
  EXPECT_EQ(total, all);
}

TEST(WeightsHash, IsThatOfALearnerThatTrainsAllOfThem) {
  RunConfig config = test_config();
  TestLearner run(config, tests::mpi_session().world(), kModel, 1);
  EXPECT_EQ(source_hash(*run.source), run.policy.weights_xxh3());
  const auto other = model::open_weights(std::string(kModel) + "1");
  EXPECT_NE(source_hash(*other), source_hash(*run.source));
}

}  // namespace
}  // namespace cogent::trainer
