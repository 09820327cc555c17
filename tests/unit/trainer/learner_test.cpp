#include "tests/mpi/mpi_session.hpp"
#include "tests/unit/trainer/learner_testing.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace cogent::trainer {
namespace {

using namespace testing;

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
  std::vector<std::int64_t> hashes = {static_cast<std::int64_t>(outcome.hash >> 1),
                                      -static_cast<std::int64_t>(outcome.hash >> 1)};
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
