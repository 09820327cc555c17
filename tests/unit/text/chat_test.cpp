#include "core/text/chat.hpp"

#include "tests/unit/text/text_fixtures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogent::text {
namespace {

using testing::HasSubstr;

const std::vector<ChatMessage> kConversation = {{"user", "Hi"}, {"assistant", "Yes"}};

std::vector<ChatMessage> messages_member(const boost::json::value& object) {
  std::vector<ChatMessage> messages;
  for (const auto& message : object.at("messages").as_array()) {
    messages.push_back({text_member(message, "role"), text_member(message, "content")});
  }
  return messages;
}

// A spec whose special tokens are those that the fixtures were rendered with.
TokenizerSpec chat_spec(const std::string& chat_template) {
  TokenizerSpec spec;
  spec.tokens = {"<|begin|>", "<|end|>"};
  spec.bos_id = 0;
  spec.eos_id = 1;
  spec.chat_template = chat_template;
  return spec;
}

TEST(OwnTemplate, RendersAsTransformersDoes) {
  int refused = 0;
  int rendered = 0;
  const auto cases = fixture_json("chat_cases.json");
  for (const auto& expected : cases.as_array()) {
    const TokenizerSpec spec = chat_spec(text_member(expected, "template"));
    const auto messages = messages_member(expected);
    const GenerationPrompt generation =
        expected.at("generation").as_bool() ? GenerationPrompt::kYes : GenerationPrompt::kNo;
    SCOPED_TRACE(spec.chat_template);
    if (expected.as_object().contains("error")) {
      EXPECT_NE(model_error([&] { render_own_template(spec, messages, generation); }), "");
      ++refused;
      continue;
    }
    ++rendered;
    try {
      EXPECT_EQ(render_own_template(spec, messages, generation), text_member(expected, "text"));
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  EXPECT_GE(rendered, 80);
  EXPECT_GE(refused, 25);
}

TEST(OwnTemplate, SaysWhatItDoesNotKnow) {
  const auto error = [](const std::string& chat_template) {
    return model_error([&] {
      render_own_template(chat_spec(chat_template), kConversation, GenerationPrompt::kNo);
    });
  };
  EXPECT_THAT(error(""), HasSubstr("no chat template"));
  EXPECT_THAT(error("a\n{{ strftime_now('%d') }}"), HasSubstr("line 2"));
  EXPECT_THAT(error("{{ strftime_now('%d') }}"), HasSubstr("strftime_now"));
  EXPECT_THAT(error("{{ x | batch(2) }}"), HasSubstr("\"batch\""));
  EXPECT_THAT(error("{{ x is sameas y }}"), HasSubstr("\"sameas\""));
  EXPECT_THAT(error("{% include 'x' %}"), HasSubstr("\"include\""));
  EXPECT_THAT(error("{{ raise_exception('roles!') }}"), HasSubstr("roles!"));
}

TokenizerSpec family_spec(const std::vector<std::string>& special) {
  TokenizerSpec spec = tiny_spec();
  spec.tokens.resize(100);
  spec.merges.clear();
  spec.added_tokens.clear();
  for (std::size_t i = 0; i < 3; ++i) {
    spec.tokens[i] = concat("unused ", i);
  }
  for (const std::string& token : special) {
    spec.tokens.push_back(token);
    spec.added_tokens.push_back({static_cast<std::int32_t>(spec.tokens.size()) - 1, token, true});
  }
  return spec;
}

std::string rendered(const TokenizerSpec& spec, GenerationPrompt generation) {
  return render_reasoningner_template(Tokenizer(spec), kConversation, generation);
}

TEST(ReasoningnerTemplate, FollowsTheFamily) {
  const TokenizerSpec qwen = family_spec({"<|im_start|>", "<|im_end|>"});
  EXPECT_EQ(rendered(qwen, GenerationPrompt::kNo),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes<|im_end|>\n");
  EXPECT_EQ(render_reasoningner_template(Tokenizer(qwen), std::span(kConversation).first(1),
                                         GenerationPrompt::kYes),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  TokenizerSpec internlm = family_spec({"<s>", "<|im_start|>", "<|im_end|>"});
  internlm.bos_id = 100;
  EXPECT_THAT(rendered(internlm, GenerationPrompt::kNo),
              testing::StartsWith("<s><|im_start|>user"));
  EXPECT_EQ(rendered(family_spec({"<s>", "</s>"}), GenerationPrompt::kYes),
            "<s>[INST] Hi [/INST] Yes </s>");
  EXPECT_EQ(rendered(family_spec({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}),
                     GenerationPrompt::kYes),
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>bot<|end_header_id|>\n\nYes<|eot_id|>"
            "<|start_header_id|>bot<|end_header_id|>\n\n");
  EXPECT_THAT(model_error([] { rendered(family_spec({}), GenerationPrompt::kNo); }),
              HasSubstr("no known chat family"));
}

TEST(EndOfTurn, IsTheFamilysThenTheModels) {
  TokenizerSpec spec = family_spec({"<|im_start|>", "<|im_end|>", "<|endoftext|>"});
  spec.eos_id = 102;
  EXPECT_THAT(end_of_turn_ids(Tokenizer(spec), std::vector<std::int32_t>{101, 5}),
              testing::ElementsAre(101, 5, 102));
  EXPECT_THAT(end_of_turn_ids(Tokenizer(family_spec({})), std::vector<std::int32_t>{7}),
              testing::ElementsAre(7));
  EXPECT_THAT(model_error([] { end_of_turn_ids(Tokenizer(family_spec({})), {}); }),
              HasSubstr("ends a turn"));
}

}  // namespace
}  // namespace cogent::text
