// The tokenizer and the chat template of SmolLM2, read from its GGUF file.

#include "core/model/weights/weight_source.hpp"
#include "core/text/chat.hpp"
#include "tests/unit/text/expect_case.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace cogent::text {
namespace {

class SmolLm : public testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("COGENT_MODEL");
    if (path == nullptr || !std::filesystem::exists(path)) {
      GTEST_SKIP() << "the SmolLM2 model is absent: run launch/setup.sh";
    }
    tokenizer_.emplace(model::open_tokenizer(path));
  }
  std::optional<Tokenizer> tokenizer_;
};

TEST_F(SmolLm, GivesTheIdsOfTheTokenizersPackage) {
  const auto cases = fixture_json("smollm_cases.json");
  for (const auto& expected : cases.as_array()) {
    expect_case(*tokenizer_, expected);
  }
  EXPECT_GE(cases.as_array().size(), 200u);
}

TEST_F(SmolLm, KeepsItsIdsThroughHuggingFaceFiles) {
  const Tokenizer back(parse_tokenizer_json(write_tokenizer_json(tokenizer_->spec()),
                                            write_tokenizer_config_json(tokenizer_->spec()),
                                            "written"));
  const auto cases = fixture_json("smollm_cases.json");
  for (const auto& expected : cases.as_array()) {
    expect_case(back, expected);
  }
  EXPECT_EQ(back.spec().chat_template, tokenizer_->spec().chat_template);
}

TEST_F(SmolLm, SpeaksChatMl) {
  const std::vector<ChatMessage> messages = {{"user", "Hi"}};
  EXPECT_EQ(render_own_template(tokenizer_->spec(), messages, GenerationPrompt::kYes),
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
            "Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  const std::string text =
      render_reasoningner_template(*tokenizer_, messages, GenerationPrompt::kYes);
  EXPECT_EQ(text, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(tokenizer_->encode(text, SpecialText::kParse).front(), 1);
  EXPECT_THAT(end_of_turn_ids(*tokenizer_, {}), testing::ElementsAre(2));
}

}  // namespace
}  // namespace cogent::text
