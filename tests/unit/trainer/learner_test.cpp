#include "trainer/learner.hpp"

#include "core/base/philox.hpp"
#include "core/config/config.hpp"
#include "distributed/communicator.hpp"
#include "tests/mpi/mpi_session.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace cogent::trainer {
namespace {

std::string fixture_model(const std::string& name) {
  const char* fixtures = std::getenv("COGENT_FIXTURES");
  return std::string(fixtures == nullptr ? "tests/fixtures" : fixtures) + "/models/" + name;
}

// Groups of random tokens with lengths that differ, log-probabilities left for the learner.
std::vector<RolloutGroup> make_groups(std::int64_t vocab) {
  std::vector<RolloutGroup> groups;
  for (std::uint32_t g = 0; g < 5; ++g) {
    RolloutGroup& group = groups.emplace_back();
    group.prompt_id = g;
    const auto token = [&](std::uint32_t position, std::uint32_t completion) {
      return static_cast<std::int32_t>(
          draw_below(static_cast<std::uint32_t>(vocab),
                     {.seed = 3, .position = position, .completion = completion, .prompt = g}));
    };
    for (std::uint32_t i = 0; i < 4 + g; ++i) {
      group.prompt_ids.push_back(token(i, 0));
    }
    for (std::uint32_t c = 0; c < 3; ++c) {
      Completion& completion = group.completions.emplace_back();
      for (std::uint32_t i = 0; i < 2 + (g + 2 * c) % 5; ++i) {
        completion.ids.push_back(token(i, c + 1));
      }
      completion.reward = std::sin(static_cast<double>(g * 3 + c));
    }
  }
  return groups;
}

RunConfig test_config() {
  RunConfig config;
  config.optimizer.lr = 1e-3;
  config.optimizer.warmup_ratio = 0;
  config.optimizer.weight_decay = 0.1;
  config.learner.micro_batch_tokens = 24;
  config.grpo.num_iterations = 2;
  config.grpo.mini_batch_prompts = 2;
  config.rollout.max_new_tokens = 8;
  return config;
}

struct Outcome {
  StepMetrics metrics;
  std::uint64_t hash = 0;
  model::ModelWeights weights;
};

Outcome train(const RunConfig& config, distributed::Communicator& learners,
              const std::string& name) {
  const auto source = model::open_weights(fixture_model(name));
  const model::Transformer model(source->config(), model::cpu_ops());
  const model::ModelWeights reference = model::load_weights(*source);
  ShardedModel policy(model, learners);
  policy.load(*source);
  Learner learner(config, model, learners, policy, &reference, grpo_updates(config, 2));
  Outcome outcome;
  const std::vector<RolloutGroup> groups = make_groups(source->config().vocab_size);
  learner.grpo_step(groups);
  outcome.metrics = learner.grpo_step(groups);
  outcome.hash = policy.weights_xxh3();
  outcome.weights = policy.weights();
  return outcome;
}

// Largest per-tensor relative norm of the difference of the two updates' results.
double largest_difference(const model::ModelWeights& a, const model::ModelWeights& b) {
  double largest = 0;
  for (std::size_t unit = 0; unit < a.flat.size(); ++unit) {
    const float* x = a.flat[unit].const_data_ptr<float>();
    const float* y = b.flat[unit].const_data_ptr<float>();
    double difference = 0;
    double norm = 0;
    for (std::int64_t i = 0; i < a.flat[unit].numel(); ++i) {
      difference += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
      norm += std::pow(static_cast<double>(x[i]), 2);
    }
    largest = std::max(largest, std::sqrt(difference / std::max(norm, 1e-30)));
  }
  return largest;
}

class LearnerCount : public testing::TestWithParam<const char*> {};

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
                         testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen2_bias",
                                         "qwen3_qknorm"));

}  // namespace
}  // namespace cogent::trainer
