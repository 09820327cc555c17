#include "rollout/worker.hpp"

#include "core/base/error.hpp"
#include "core/data/prompt_builder.hpp"
#include "rollout/completion_text.hpp"
#include "rollout/evaluate.hpp"
#include "rollout/extract.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

namespace cogent::rollout {
namespace {

// A tiny model that speaks nonsense, with its tokenizer and a run's settings.
class WorkerTest : public ::testing::Test {
 protected:
  static std::string path() {
    const char* folder = std::getenv("COGENT_FIXTURES");
    return std::string(folder == nullptr ? "tests/fixtures" : folder) + "/models/llama_gqa3_tied";
  }

  WorkerTest()
      : source_(model::open_weights(path())),
        tokenizer_(model::open_tokenizer(path())),
        model_(source_->config(), model::cpu_ops()),
        weights_(model::load_weights(*source_)) {
    config_.chat.format = ChatTemplate::kOwn;
    config_.seed = 5;
    config_.rollout.group_size = 3;
    config_.rollout.max_new_tokens = 12;
    config_.evaluate.max_new_tokens = 9;
    config_.evaluate.batch = 2;
    config_.reward.length = 1;
    prompt_file_ = ::testing::TempDir() + "cogent_worker_test_prompt.txt";
    std::ofstream(prompt_file_) << "{{sentence}}\n";
    config_.prompt.template_file = prompt_file_;
    for (std::uint32_t row = 0; row < 5; ++row) {
      examples_.push_back({.row = row,
                           .dataset = "tiny",
                           .sentence = concat("Ada met Bo ", row),
                           .schema = {"person"},
                           .entities = {{"Ada", "person"}, {"Bo", "person"}},
                           .cot = "Two names."});
    }
  }

  std::unique_ptr<model::WeightSource> source_;
  text::Tokenizer tokenizer_;
  model::Transformer model_;
  model::ModelWeights weights_;
  RunConfig config_;
  std::string prompt_file_;
  std::vector<Example> examples_;
};

TEST_F(WorkerTest, PromptsEndWhereTheCompletionBegins) {
  const data::PromptBuilder prompts(config_, tokenizer_, model_.config().eos_ids);
  const Example& example = examples_.front();
  EXPECT_NE(prompts.prompt_text(example).find("Ada met Bo 0"), std::string::npos);
  const auto ids = prompts.completion_ids(example);
  ASSERT_GT(ids.size(), 1U);
  EXPECT_EQ(ids.back(), prompts.end_ids().front());
  EXPECT_EQ(tokenizer_.decode(std::span(ids).first(ids.size() - 1)),
            ner::render_completion("Two names.", example.entities));
  config_.prompt.cot = false;
  const data::PromptBuilder plain(config_, tokenizer_, model_.config().eos_ids);
  const auto short_ids = plain.completion_ids(example);
  EXPECT_EQ(tokenizer_.decode(std::span(short_ids).first(short_ids.size() - 1)),
            ner::render_completion("", example.entities));
}

TEST_F(WorkerTest, DrawsScoredGroups) {
  const data::PromptBuilder prompts(config_, tokenizer_, model_.config().eos_ids);
  Worker worker(config_, model_, weights_, tokenizer_, prompts.end_ids());
  std::vector<RolloutRequest> requests;
  for (const Example& example : examples_) {
    requests.push_back(worker.request(prompts.prompt_ids(example), example.row, 4));
  }
  const auto groups = worker.draw(requests, examples_, 17);
  ASSERT_EQ(groups.size(), examples_.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(groups[i].policy_version, 17U);
    EXPECT_EQ(groups[i].prompt_id, examples_[i].row);
    EXPECT_EQ(groups[i].step, 4U);
    ASSERT_EQ(groups[i].completions.size(), 3U);
    for (const Completion& completion : groups[i].completions) {
      ASSERT_EQ(completion.rewards.size(), 3U);
      EXPECT_EQ(completion.rewards[2].first, "length");
      EXPECT_FALSE(completion.parse.empty());
      EXPECT_NEAR(completion.reward,
                  10 * completion.rewards[0].second + completion.rewards[1].second +
                      completion.rewards[2].second,
                  1e-12);
    }
  }
  EXPECT_GT(worker.take_statistics().completion_tokens, 0);
  EXPECT_EQ(worker.failed_rewards(), 0);
}

TEST_F(WorkerTest, RefusesPromptsPastTheLimit) {
  config_.rollout.max_prompt_tokens = 3;
  const std::vector<std::int32_t> end_ids = {2};
  Worker worker(config_, model_, weights_, tokenizer_, end_ids);
  try {
    worker.request({1, 2, 3, 4}, 9, 0);
    FAIL() << "a prompt past the limit was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_NE(std::string(error.what()).find("row 9 has 4 tokens"), std::string::npos);
  }
}

TEST_F(WorkerTest, TheTextIsWithoutItsEndToken) {
  const auto ids = tokenizer_.encode("hello");
  Completion completion;
  completion.ids = ids;
  completion.finish = Finish::kLength;
  EXPECT_EQ(completion_text(tokenizer_, completion), "hello");
  completion.ids.push_back(ids.front());  // whatever stopped it
  completion.finish = Finish::kStop;
  EXPECT_EQ(completion_text(tokenizer_, completion), "hello");
}

TEST_F(WorkerTest, PredictsTheSameAloneAndTogether) {
  const data::PromptBuilder prompts(config_, tokenizer_, model_.config().eos_ids);
  const auto together = predict(config_, model_, weights_, tokenizer_, prompts, examples_);
  ASSERT_EQ(together.size(), examples_.size());
  for (std::size_t i = 0; i < examples_.size(); ++i) {
    const auto alone =
        predict(config_, model_, weights_, tokenizer_, prompts, std::span(examples_).subspan(i, 1));
    EXPECT_EQ(to_json_line(to_json(alone.front())), to_json_line(to_json(together[i])));
    EXPECT_LE(together[i].tokens, 9);
  }
  EXPECT_EQ(summarise(together, config_).score.total().fn, 10);

  EngineStatistics statistics;
  std::int64_t tokens = 0;
  for (const Prediction& prediction :
       predict(config_, model_, weights_, tokenizer_, prompts, examples_, &statistics)) {
    tokens += prediction.tokens;
  }
  EXPECT_EQ(statistics.completion_tokens, tokens);
}

// Samples of an example stand in a row, are drawn apart, and stay the same in another order of
// examples; training draws at the same place are other draws.
TEST_F(WorkerTest, PredictsSeveralSamplesOfAnExample) {
  config_.evaluate.temperature = 1;
  config_.evaluate.samples = 3;
  const data::PromptBuilder prompts(config_, tokenizer_, model_.config().eos_ids);
  const auto predictions = predict(config_, model_, weights_, tokenizer_, prompts, examples_);
  ASSERT_EQ(predictions.size(), examples_.size() * 3);
  std::vector<Example> reversed(examples_.rbegin(), examples_.rend());
  const auto again = predict(config_, model_, weights_, tokenizer_, prompts, reversed);
  std::set<std::string> texts;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    EXPECT_EQ(predictions[i].example.row, i / 3);
    EXPECT_EQ(predictions[i].sample, static_cast<std::int64_t>(i % 3));
    EXPECT_EQ(predictions[i].completion, again[(4 - i / 3) * 3 + i % 3].completion);
    texts.insert(predictions[i].completion);
  }
  EXPECT_EQ(texts.size(), predictions.size());

  config_.rollout.max_new_tokens = config_.evaluate.max_new_tokens;
  config_.rollout.temperature = 1;
  Worker worker(config_, model_, weights_, tokenizer_, prompts.end_ids());
  const std::vector<RolloutRequest> requests = {
      worker.request(prompts.prompt_ids(examples_.front()), 0, 0)};
  const RolloutGroup drawn = worker.draw(requests, std::span(examples_).subspan(0, 1), 0).front();
  EXPECT_NE(completion_text(tokenizer_, drawn.completions.front()), predictions.front().completion);
}

TEST_F(WorkerTest, ExtractsFromEachSentenceWhateverTheOthersAre) {
  const data::PromptBuilder prompts(config_, tokenizer_, model_.config().eos_ids);
  Engine engine(model_, weights_);
  const std::vector<Extraction> extractions = extract(engine, prompts, tokenizer_, examples_, 6);
  ASSERT_EQ(extractions.size(), examples_.size());
  EXPECT_EQ(extractions.front().text, "Ada met Bo 0");
  for (std::size_t i = 0; i < examples_.size(); ++i) {
    const auto alone =
        extract(engine, prompts, tokenizer_, std::span(examples_).subspan(i, 1), 6).front();
    EXPECT_EQ(to_json(extractions[i], ShowChain::kYes), to_json(alone, ShowChain::kYes));
  }
}

}  // namespace
}  // namespace cogent::rollout
