#include "trainer/evaluation_loss.hpp"

#include "tests/mpi/mpi_session.hpp"
#include "tests/unit/model/model_testing.hpp"
#include "tests/unit/trainer/learner_testing.hpp"

#include <ATen/ops/log_softmax.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cogent::trainer {
namespace {

using namespace testing;

RunConfig sft_config(Numerics numerics, ShardMode shard) {
  RunConfig config = test_config();
  config.numerics = numerics;
  config.learner.shard = shard;
  return config;
}

// Behind one update, so that what is gathered is not what was loaded.
MeanLoss loss_behind_an_update(const RunConfig& config, distributed::Communicator& learners,
                               const std::string& fixture, std::int64_t micro_batch_tokens) {
  TestLearner run(config, learners, fixture, 1);
  const std::vector<TrainSequence> sequences = sequences_of_groups(run.model.config().vocab_size);
  run.learner.sft_step(std::span(sequences).first(4));
  const EvaluationLoss evaluation(run.model, learners, sequences, micro_batch_tokens);
  const WholeWeights whole(run.policy);
  return evaluation.mean(evaluation.own_sums(run.policy.weights()));
}

class EvaluationLossOf : public ::testing::TestWithParam<const char*> {
 protected:
  distributed::Communicator& world() { return tests::mpi_session().world(); }
};

// In float64, sequence by sequence, by the plain second implementation of the model.
double oracle_loss(const TestLearner& run, const std::vector<TrainSequence>& sequences) {
  model::ModelWeights exact = model::load_weights(*run.source);
  for (model::UnitTensors& unit : exact.units) {
    for (at::Tensor& parameter : unit) {
      parameter = parameter.to(at::kDouble);
    }
  }
  double sum = 0;
  double tokens = 0;
  for (const TrainSequence& sequence : sequences) {
    std::vector<std::int32_t> ids = sequence.prompt_ids;
    ids.insert(ids.end(), sequence.completion_ids.begin(), sequence.completion_ids.end());
    const at::Tensor logprobs =
        at::log_softmax(model::testing::naive_logits(run.model.config(), exact, ids), -1);
    for (std::size_t i = sequence.prompt_ids.size(); i < ids.size(); ++i) {
      sum -= logprobs[static_cast<std::int64_t>(i) - 1][ids[i]].item<double>();
      tokens += 1;
    }
  }
  return sum / tokens;
}

TEST_P(EvaluationLossOf, IsTheMeanOfTheTrainedTokensInFloat64) {
  TestLearner run(sft_config(Numerics::kFast, ShardMode::kOptimizer), world(), GetParam(), 1);
  const std::vector<TrainSequence> sequences = sequences_of_groups(run.model.config().vocab_size);
  const EvaluationLoss evaluation(run.model, world(), sequences, 24);
  const std::uint64_t before = run.policy.weights_xxh3();
  const MeanLoss mean = evaluation.mean(evaluation.own_sums(run.policy.weights()));
  std::int64_t tokens = 0;
  for (const TrainSequence& sequence : sequences) {
    tokens += static_cast<std::int64_t>(sequence.completion_ids.size());
  }
  EXPECT_EQ(mean.tokens, tokens);
  const double expected = oracle_loss(run, sequences);
  EXPECT_NEAR(mean.loss, expected, 1e-5 * expected);
  EXPECT_EQ(run.policy.weights_xxh3(), before) << "an evaluation changed the weights";
  // What training on the same sequences would report.
  EXPECT_NEAR(run.learner.sft_step(sequences).loss, mean.loss, 1e-6 * expected);
}

TEST_P(EvaluationLossOf, HasTheSameBitsForAnyLearnersShardModeAndCut) {
  const auto self = distributed::make_self_communicator("alone");
  const TestLearner probe(sft_config(Numerics::kFast, ShardMode::kNone), *self, GetParam(), 1);
  if (!probe.model.rows_are_independent()) {
    GTEST_SKIP() << "no own kernels for this CPU, which numerics: exact needs";
  }
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBFloat16}) {
    RunConfig config = sft_config(Numerics::kExact, ShardMode::kNone);
    config.model.weights = type;
    const MeanLoss alone = loss_behind_an_update(config, *self, GetParam(), 24);
    EXPECT_GT(alone.loss, 0);
    EXPECT_EQ(loss_behind_an_update(config, *self, GetParam(), 1).loss, alone.loss)
        << "a sequence a micro-batch";
    EXPECT_EQ(loss_behind_an_update(config, *self, GetParam(), 100'000).loss, alone.loss)
        << "one micro-batch, so that some learners have none";
    for (const ShardMode shard :
         {ShardMode::kOptimizer, ShardMode::kGradients, ShardMode::kParameters}) {
      config.learner.shard = shard;
      for (const std::int64_t budget : {24, 100'000}) {
        const MeanLoss together = loss_behind_an_update(config, world(), GetParam(), budget);
        EXPECT_EQ(together.loss, alone.loss) << static_cast<int>(shard) << " " << budget;
        EXPECT_EQ(together.tokens, alone.tokens);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EvaluationLossOf,
                         ::testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen2_bias",
                                           "qwen3_qknorm"));

}  // namespace
}  // namespace cogent::trainer
