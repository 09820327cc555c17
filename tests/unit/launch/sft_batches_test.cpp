#include "launch/sft_batches.hpp"

#include "core/base/error.hpp"
#include "launch/loaded_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <string>

namespace cogent::launch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::int64_t length(const TrainSequence& sequence) {
  return static_cast<std::int64_t>(sequence.prompt_ids.size() + sequence.completion_ids.size());
}

class SftSequences : public ::testing::Test {
 protected:
  SftSequences() {
    config_.chat.format = ChatTemplate::kOwn;
    for (const char* cot : {"", "A chain.", "A much longer chain of thought."}) {
      Example& example = examples_.emplace_back();
      example.row = static_cast<std::uint32_t>(examples_.size() - 1);
      example.sentence = "Ann saw Bob.";
      example.schema = {"person"};
      example.entities = {{"Ann", "person"}, {"Bob", "person"}};
      example.cot = cot;
    }
  }
  std::vector<TrainSequence> sequences(std::int64_t max_length) const {
    return sft_sequences(examples_, {config_, model_.tokenizer, model_.weights->config().eos_ids},
                         max_length, "data.train");
  }

  RunConfig config_;
  std::vector<Example> examples_;
  LoadedModel model_ =
      open_model(std::string(std::getenv("COGENT_FIXTURES")) + "/models/llama_gqa3_tied");
};

TEST_F(SftSequences, AreAllThereWithinTheLimitEachAGroupOfItsOwn) {
  const auto whole = sequences(100'000);
  ASSERT_EQ(whole.size(), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(whole[i].group, i);
  }
  EXPECT_LT(length(whole[0]), length(whole[1]));
  EXPECT_LT(length(whole[1]), length(whole[2]));
}

TEST_F(SftSequences, KeepTheEndOfWhatIsTooLong) {
  const auto whole = sequences(100'000);
  const std::int64_t limit = length(whole[0]);
  const auto cut = sequences(limit);
  ASSERT_EQ(cut.size(), 3u);
  EXPECT_EQ(cut[0].prompt_ids, whole[0].prompt_ids);
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(length(cut[i]), limit);
    EXPECT_LT(cut[i].prompt_ids.size(), whole[i].prompt_ids.size());
    EXPECT_EQ(cut[i].completion_ids.back(), whole[i].completion_ids.back());
  }
}

TEST_F(SftSequences, WithoutATrainedTokenAreAnErrorThatNamesTheKey) {
  try {
    sequences(1);  // the last token has nothing in front that could predict it
    FAIL() << "sequences without a trained token were taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("data.train has 3 examples"),
                                    HasSubstr("raise sft.max_length above 1")));
  }
}

TEST(SftBatches, HaveEveryRowOnceAnEpochAndAShortLastBatch) {
  RunConfig config;
  config.seed = 5;
  config.sft.batch_size = 4;
  config.train.epochs = 2;
  const SftBatches batches(config, 10);
  ASSERT_EQ(batches.total(), 6);
  std::vector<std::vector<std::uint32_t>> epochs;
  for (std::int64_t step = 0; step < batches.total(); ++step) {
    const auto rows = batches.rows(step);
    EXPECT_EQ(rows.size(), step % 3 == 2 ? 2u : 4u);
    if (step % 3 == 0) {
      epochs.emplace_back();
    }
    epochs.back().insert(epochs.back().end(), rows.begin(), rows.end());
  }
  std::vector<std::uint32_t> all(10);
  std::iota(all.begin(), all.end(), 0u);
  for (const auto& epoch : epochs) {
    EXPECT_THAT(epoch, ::testing::UnorderedElementsAreArray(all));
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_EQ(SftBatches(config, 10).rows(4), batches.rows(4));
}

}  // namespace
}  // namespace cogent::launch
