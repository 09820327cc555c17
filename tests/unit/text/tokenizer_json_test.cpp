#include "core/text/gguf_pre_tokenizer.hpp"
#include "core/text/tokenizer.hpp"
#include "tests/unit/text/text_fixtures.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogent::text {
namespace {

using testing::HasSubstr;

constexpr char kMinimal[] = R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2},
  "merges": ["a b"]}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
  "decoder": {"type": "ByteLevel"},
  "added_tokens": [{"id": 3, "content": "<end>", "special": true}]})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string parse_error(const std::string& text, const std::string& config = "") {
  return model_error([&] { Tokenizer{parse_tokenizer_json(text, config, "the file")}; });
}

TEST(TokenizerJson, ReadsMergesAsTextsAndAsPairs) {
  const std::string pairs = replaced(kMinimal, R"("a b")", R"(["a", "b"])");
  for (const std::string& text : {std::string(kMinimal), pairs}) {
    const Tokenizer tokenizer(parse_tokenizer_json(text, "", "the file"));
    EXPECT_EQ(tokenizer.encode("ab<end>", SpecialText::kParse), (std::vector<std::int32_t>{2, 3}));
    EXPECT_EQ(tokenizer.vocab_size(), 4);
  }
}

TEST(TokenizerJson, ReadsSpecialTokensOfTheConfigAsTextsAndAsObjects) {
  const TokenizerSpec spec = parse_tokenizer_json(
      kMinimal,
      R"({"bos_token": "a", "eos_token": {"content": "<end>"}, "pad_token": null,
          "chat_template": "T", "added_tokens_decoder": {"4": {"content": "<more>"}}})",
      "the file");
  EXPECT_EQ(spec.bos_id, 0);
  EXPECT_EQ(spec.eos_id, 3);
  EXPECT_EQ(spec.pad_id, -1);
  EXPECT_EQ(spec.chat_template, "T");
  EXPECT_EQ(spec.tokens.at(4), "<more>");
  const TokenizerSpec named = parse_tokenizer_json(
      kMinimal,
      R"({"chat_template": [{"name": "rag", "template": "R"}, {"name": "default", "template": "D"}]})",
      "the file");
  EXPECT_EQ(named.chat_template, "D");
}

TEST(TokenizerJson, NamesWhatAFileLacks) {
  EXPECT_THAT(parse_error("{"), HasSubstr("the file is not JSON"));
  EXPECT_THAT(parse_error("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(parse_error("{}"), HasSubstr("\"model\""));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"merges\"", "\"m\"")), HasSubstr("\"merges\""));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"vocab\"", "\"v\"")), HasSubstr("\"vocab\""));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"BPE\"", "\"Unigram\"")), HasSubstr("Unigram"));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"BPE\"", "\"WordPiece\"")), HasSubstr("WordPiece"));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"pre_tokenizer\"", "\"p\"")), HasSubstr("null"));
}

TEST(TokenizerJson, NamesWhatIsWrongInAFile) {
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"a b\"", "\"a b c\"")), HasSubstr("a b c"));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"a b\"", "7")), HasSubstr("merge 0"));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"a b\"", "\"a c\"")), HasSubstr("\"c\""));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"b\": 1", "\"b\": 0")), HasSubstr("id 0"));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"b\": 1", "\"b\": -1")), HasSubstr("-1"));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"b\": 1", "\"b\": 99999999")),
              HasSubstr("99999999"));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"id\": 3", "\"id\": 1")), HasSubstr("<end>"));
  EXPECT_THAT(parse_error(replaced(kMinimal, R"("decoder": {"type": "ByteLevel")",
                                   R"("decoder": {"type": "Metaspace")")),
              HasSubstr("Metaspace"));
  EXPECT_THAT(parse_error(replaced(kMinimal, "\"merges\"", "\"byte_fallback\": true, \"merges\"")),
              HasSubstr("byte_fallback"));
  EXPECT_THAT(parse_error(kMinimal, R"({"eos_token": "missing"})"), HasSubstr("missing"));
  EXPECT_THAT(parse_error(kMinimal, R"({"added_tokens_decoder": {"x": {}}})"), HasSubstr("\"x\""));
}

TEST(TokenizerJson, WritesWhatItReads) {
  TokenizerSpec spec = tiny_spec();
  spec.bos_id = 1;
  spec.eos_id = 2;
  spec.pad_id = 0;
  spec.chat_template = "{{ messages[0].content }}\n\u00e9";
  const TokenizerSpec back = parse_tokenizer_json(write_tokenizer_json(spec),
                                                  write_tokenizer_config_json(spec), "written");
  EXPECT_EQ(back.tokens, spec.tokens);
  EXPECT_EQ(back.merges, spec.merges);
  EXPECT_EQ(back.chat_template, spec.chat_template);
  EXPECT_EQ(back.bos_id, spec.bos_id);
  EXPECT_EQ(back.eos_id, spec.eos_id);
  EXPECT_EQ(back.pad_id, spec.pad_id);
  EXPECT_EQ(back.unk_id, -1);
  ASSERT_EQ(back.added_tokens.size(), spec.added_tokens.size());
  const Tokenizer before(spec);
  const Tokenizer after(back);
  for (const char* text : {"Marie <|im_start|> x <word> 12 ", "<think> \u00e9\n\n"}) {
    EXPECT_EQ(after.encode(text), before.encode(text));
    EXPECT_EQ(after.encode(text, SpecialText::kParse), before.encode(text, SpecialText::kParse));
  }
}

TEST(TokenizerJson, WritesPairsWhereATokenHoldsASpace) {
  TokenizerSpec spec = parse_tokenizer_json(kMinimal, "", "the file");
  spec.tokens[0] = "a c";
  spec.tokens[2] = "a cb";
  spec.merges = {{"a c", "b"}};
  const TokenizerSpec back = parse_tokenizer_json(write_tokenizer_json(spec), "", "written");
  EXPECT_EQ(back.merges, spec.merges);
}

}  // namespace
}  // namespace cogent::text
