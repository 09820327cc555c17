// Weights that no update changes: sharded or whole, they score the same bits, and a learner that
// shards them holds no more than its part.
#include "trainer/frozen_weights.hpp"

#include "core/model/panels.hpp"
#include "core/model/weights/random_weights.hpp"
#include "tests/mpi/mpi_session.hpp"
#include "tests/unit/trainer/learner_testing.hpp"
#include "trainer/scoring.hpp"
#include "trainer/train_sequences.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace cogent::trainer {
namespace {

struct Case {
  std::string name, model;
  at::ScalarType type;
};

class Frozen : public ::testing::TestWithParam<Case> {
 protected:
  Frozen()
      : source_(model::open_weights(GetParam().model)),
        model_(source_->config(), model::cpu_ops()) {
    const auto groups = testing::make_groups(model_.config().vocab_size);
    const auto sequences = train_sequences(groups, GrpoSettings());
    std::vector<std::size_t> all(sequences.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    for (const auto& chosen : cut_micro_batches(sequences, all, 24)) {
      batches_.push_back(pack(sequences, chosen));
    }
  }
  static LearnerSettings settings(std::int64_t prefetch) {
    return {.shard = ShardMode::kParameters, .prefetch = prefetch};
  }
  static distributed::Communicator& world() { return tests::mpi_session().world(); }

  std::unique_ptr<model::WeightSource> source_;
  model::Transformer model_;
  std::vector<PackedBatch> batches_;
};

// Rank r scores r batches, so that all but the last go on for others alone.
TEST_P(Frozen, ScoresTheBitsOfWholeWeightsHoweverManyBatchesEachLearnerHas) {
  const model::ModelWeights whole = model::load_in_panels(model_, *source_, GetParam().type);
  for (const std::int64_t prefetch : {0, 1, 9}) {
    FrozenWeights frozen(model_, world(), settings(prefetch), GetParam().type);
    frozen.load(*source_);
    for (int slot = 0; slot < world().size(); ++slot) {
      if (slot > world().rank()) {
        frozen.empty_score();
        continue;
      }
      const PackedBatch& batch = batches_.at(static_cast<std::size_t>(slot));
      const at::Tensor got = frozen.score(batch, 0.9).logprob;
      EXPECT_TRUE(got.equal(score(model_, whole, batch, 0.9).logprob)) << "prefetch " << prefetch;
    }
  }
}

TEST_P(Frozen, HoldsAShardOrAllOfIt) {
  FrozenWeights frozen(model_, world(), settings(1), GetParam().type);
  frozen.load(*source_);
  const model::ModelWeights whole = model::load_in_panels(model_, *source_, GetParam().type);
  const bool alone = world().size() == 1;
  for (const at::Tensor& flat : frozen.weights().flat) {
    EXPECT_EQ(flat.defined(), alone);
  }
  const model::ModelWeights gathered = alone ? frozen.weights() : frozen.gather_whole();
  for (std::size_t unit = 0; unit < whole.flat.size(); ++unit) {
    EXPECT_TRUE(gathered.flat[unit].equal(whole.flat[unit])) << unit;
    EXPECT_EQ(gathered.units[unit].back().dim(), whole.units[unit].back().dim()) << "in panels";
  }
}

constexpr const char* kTied =
    "random:hidden=48,intermediate=80,layers=3,heads=3,kv_heads=1,head_dim=16,vocab=83,seed=3";
constexpr const char* kUntied =
    "random:family=qwen3,hidden=48,intermediate=80,layers=2,heads=3,kv_heads=1,head_dim=16,"
    "vocab=96,seed=4,tied=0";

INSTANTIATE_TEST_SUITE_P(Models, Frozen,
                         ::testing::Values(Case{"Tied", kTied, at::kFloat},
                                           Case{"Untied", kUntied, at::kFloat},
                                           Case{"TiedBfloat16", kTied, at::kBFloat16},
                                           Case{"UntiedBfloat16", kUntied, at::kBFloat16}),
                         [](const auto& model) { return model.param.name; });

}  // namespace
}  // namespace cogent::trainer
