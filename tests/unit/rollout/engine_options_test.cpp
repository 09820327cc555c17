// Sampling options that depend on what was drawn before, in a real engine.
#include "core/base/error.hpp"
#include "rollout/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace cogent::rollout {
namespace {

class EngineOptionsTest : public ::testing::Test {
 protected:
  static std::string path() {
    const char* folder = std::getenv("COGENT_FIXTURES");
    return std::string(folder == nullptr ? "tests/fixtures" : folder) + "/models/llama_gqa3_tied";
  }

  EngineOptionsTest()
      : source_(model::open_weights(path())),
        model_(source_->config(), model::cpu_ops()),
        weights_(model::load_weights(*source_)) {}

  static RolloutRequest request(float temperature, std::int32_t tokens) {
    RolloutRequest made;
    made.seed = 4;
    made.prompt_id = 2;
    made.group_size = 5;
    made.prompt_ids = {11, 40, 7, 11, 93};
    made.sampling.temperature = temperature;
    made.sampling.max_new_tokens = tokens;
    return made;
  }

  std::vector<Completion> generate(const RolloutRequest& how, EngineOptions options = {}) {
    return Engine(model_, weights_, std::move(options))
        .generate(std::span(&how, 1))
        .front()
        .completions;
  }

  // Logits [vocab] behind these ids, by a forward of the whole sequence.
  std::vector<float> logits_behind(const std::vector<std::int32_t>& ids) const {
    std::vector<std::int32_t> positions;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      positions.push_back(static_cast<std::int32_t>(i));
    }
    const auto count = static_cast<std::int64_t>(ids.size());
    const model::RowPlan plan = model_.plan(ids, positions, {{0, count, {{0, count}}}});
    at::Tensor x = model_.embed(weights_.units.front(), plan);
    for (std::int64_t layer = 0; layer < model_.config().num_layers; ++layer) {
      x = model_.block(layer, weights_.units[static_cast<std::size_t>(layer) + 1], plan, x, nullptr,
                       nullptr);
    }
    const std::vector<std::int64_t> last = {count - 1};
    const at::Tensor logits =
        model_.logits(weights_.units.back(), weights_.head_matrix(model_.config()), x, last);
    const float* values = logits.const_data_ptr<float>();
    return {values, values + logits.numel()};
  }

  std::unique_ptr<model::WeightSource> source_;
  model::Transformer model_;
  model::ModelWeights weights_;
};

// Token by token, from logits of a forward without cache, batch and drafts.
TEST_F(EngineOptionsTest, PenaltyAndTruncationSeeThePromptAndTheCompletionSoFar) {
  RolloutRequest how = request(0.9F, 24);
  how.sampling.repetition_penalty = 1.4F;
  how.sampling.top_p = 0.95F;
  how.sampling.min_p = 0.02F;
  how.sampling.truncated_logprobs = true;
  for (const std::int64_t slots : {1, 2, 64}) {
    const std::vector<Completion> completions = generate(how, {.max_sequences = slots});
    for (std::uint32_t c = 0; c < completions.size(); ++c) {
      std::vector<std::int32_t> ids = how.prompt_ids;
      std::vector<std::int32_t> drawn;
      ASSERT_EQ(completions[c].truncated_logprobs.size(), completions[c].ids.size());
      for (std::uint32_t i = 0; i < completions[c].ids.size(); ++i) {
        const std::vector<float> logits = logits_behind(ids);
        TokenDistribution distribution;
        distribution.prepare(logits, how.sampling, {how.prompt_ids, drawn});
        const std::int32_t id = distribution.draw(draw_uniform(draw_address(how, c, i)));
        ASSERT_EQ(completions[c].ids[i], id) << slots << " slots, token " << i;
        EXPECT_NEAR(completions[c].truncated_logprobs[i], distribution.logprob(id), 1e-4);
        ids.push_back(id);
        drawn.push_back(id);
      }
    }
  }
}

TEST_F(EngineOptionsTest, RecordedLogprobsKnowNoPenaltyAndNoTruncation) {
  RolloutRequest how = request(1, 16);
  how.sampling.repetition_penalty = 1.8F;
  how.sampling.top_k = 12;
  how.sampling.truncated_logprobs = true;
  const double tolerance = model_.ops().reads_panels ? 0 : 1e-4;
  for (const Completion& completion : generate(how)) {
    std::vector<std::int32_t> ids = how.prompt_ids;
    ids.insert(ids.end(), completion.ids.begin(), completion.ids.end());
    const auto expected = model::sequence_logprobs(model_, weights_, ids);
    for (std::size_t i = 0; i < completion.ids.size(); ++i) {
      EXPECT_NEAR(completion.logprobs[i], expected[how.prompt_ids.size() - 1 + i], tolerance);
      EXPECT_NE(completion.logprobs[i], completion.truncated_logprobs[i]);
    }
  }
}

TEST_F(EngineOptionsTest, AHugePenaltyOfGreedyDrawsForbidsRepetition) {
  RolloutRequest how = request(0, 30);
  how.group_size = 1;
  how.sampling.repetition_penalty = 1e6F;
  const std::vector<std::int32_t> ids = generate(how).front().ids;
  std::vector<std::int32_t> seen = how.prompt_ids;
  for (const std::int32_t id : ids) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), id), 0) << id;
    seen.push_back(id);
  }
}

TEST_F(EngineOptionsTest, TruncatedLogprobsAreOnRequest) {
  EXPECT_TRUE(generate(request(1, 3)).front().truncated_logprobs.empty());
  RolloutRequest greedy = request(0, 3);
  greedy.sampling.truncated_logprobs = true;
  EXPECT_EQ(generate(greedy).front().truncated_logprobs, (std::vector<float>{0, 0, 0}));
}

}  // namespace
}  // namespace cogent::rollout
