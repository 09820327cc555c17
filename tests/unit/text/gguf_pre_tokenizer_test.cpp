#include "core/text/gguf_pre_tokenizer.hpp"

#include "tests/unit/text/text_fixtures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogent::text {
namespace {

TEST(GgufPreTokenizer, EveryNameMakesATokenizer) {
  for (const char* name : {"smollm", "gpt-2", "default", "llama-bpe", "qwen2"}) {
    TokenizerSpec spec = tiny_spec();
    spec.pre_tokenizer = pre_tokenizer_json_for_gguf(name);
    spec.normalizer = normalizer_json_for_gguf(name);
    spec.ignore_merges = ignore_merges_for_gguf(name);
    const Tokenizer tokenizer(spec);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode("It's 12345 \u00e9\n\n x")),
              "It's 12345 \u00e9\n\n x");
  }
}

TEST(GgufPreTokenizer, DigitsAreApartInSmollmAndInThreesInLlama) {
  TokenizerSpec spec = tiny_spec();
  spec.tokens.emplace_back("123");
  spec.ignore_merges = true;
  const auto whole = static_cast<std::int32_t>(spec.tokens.size()) - 1;
  spec.pre_tokenizer = pre_tokenizer_json_for_gguf("llama-bpe");
  EXPECT_THAT(Tokenizer(spec).encode("12345"), testing::Contains(whole));
  spec.pre_tokenizer = pre_tokenizer_json_for_gguf("smollm");
  EXPECT_THAT(Tokenizer(spec).encode("12345"), testing::Not(testing::Contains(whole)));
}

TEST(GgufPreTokenizer, AnUnknownNameIsNamed) {
  EXPECT_THAT(model_error([] { pre_tokenizer_json_for_gguf("chameleon"); }),
              testing::HasSubstr("chameleon"));
}

}  // namespace
}  // namespace cogent::text
