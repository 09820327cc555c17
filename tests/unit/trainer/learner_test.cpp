#include "core/base/hash.hpp"
#include "tests/mpi/mpi_session.hpp"
#include "tests/unit/trainer/learner_testing.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::trainer {
namespace {

using namespace testing;

// Of the values that this rank itself computes with: ShardedModel::weights_xxh3 gathers each unit
// from its owners, so that it is equal on all ranks whatever else they hold.
std::uint64_t own_hash(const model::ModelWeights& weights) {
  StreamHash hash;
  for (const at::Tensor& unit : weights.trained()) {
    hash.update(std::as_bytes(
        std::span(unit.const_data_ptr<float>(), static_cast<std::size_t>(unit.numel()))));
  }
  return hash.digest();
}

class LearnerCount : public ::testing::TestWithParam<const char*> {};

TEST_P(LearnerCount, ChangesNeitherMetricsNorWeightsBeyondRounding) {
  const RunConfig config = test_config();
  const Outcome together = train(config, tests::mpi_session().world(), GetParam());
  const auto self = distributed::make_self_communicator("alone");
  const Outcome alone = train(config, *self, GetParam());
  EXPECT_NEAR(together.metrics.loss, alone.metrics.loss, 1e-5);
  EXPECT_NEAR(together.metrics.grad_norm, alone.metrics.grad_norm, 1e-4 * alone.metrics.grad_norm);
  EXPECT_NEAR(together.metrics.kl, alone.metrics.kl, 1e-5);
  EXPECT_GT(alone.metrics.grad_norm, 0);
  EXPECT_LT(largest_difference(alone.weights, together.weights), 1e-4);
}

TEST_P(LearnerCount, AllRanksHaveTheSameBits) {
  distributed::Communicator& world = tests::mpi_session().world();
  const Outcome outcome = train(test_config(), world, GetParam());
  const auto own = static_cast<std::int64_t>(own_hash(outcome.weights) >> 1);
  std::vector<std::int64_t> hashes = {own, -own};
  world.all_reduce(distributed::Buffer(std::span(hashes)), distributed::ReduceOp::kMax, "hashes")
      .wait();
  EXPECT_EQ(hashes[0], -hashes[1]);
  EXPECT_EQ(train(test_config(), world, GetParam()).hash, outcome.hash)
      << "a second run of the same step";
}

INSTANTIATE_TEST_SUITE_P(Families, LearnerCount,
                         ::testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen2_bias",
                                           "qwen3_qknorm"));

}  // namespace
}  // namespace cogent::trainer
