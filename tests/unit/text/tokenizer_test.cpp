#include "core/text/tokenizer.hpp"

#include "tests/unit/text/expect_case.hpp"
#include "tests/unit/text/text_fixtures.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace cogent::text {
namespace {

TEST(Tokenizer, GivesTheIdsOfTheTokenizersPackage) {
  int count = 0;
  const auto variants = fixture_json("tiny_cases.json");
  for (const auto& variant : variants.as_array()) {
    SCOPED_TRACE(text_member(variant, "name"));
    TokenizerSpec spec = tiny_spec();
    spec.pre_tokenizer = boost::json::serialize(variant.at("pre_tokenizer"));
    spec.normalizer = boost::json::serialize(variant.at("normalizer"));
    const Tokenizer tokenizer(spec);
    for (const auto& expected : variant.at("cases").as_array()) {
      expect_case(tokenizer, expected);
      ++count;
    }
  }
  EXPECT_GE(count, 200);
}

TEST(Tokenizer, ReadsInvalidUtf8AsReplacementCharacters) {
  const Tokenizer tokenizer(tiny_spec());
  EXPECT_EQ(tokenizer.encode("a\xFF\xE2\x82z"), tokenizer.encode("a\uFFFD\uFFFDz"));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a\xFFz")), "a\uFFFDz");
}

TEST(Tokenizer, GivesTheRawBytesOfATokenAndRepairsTheirSum) {
  const Tokenizer tokenizer(tiny_spec());
  const Ids ids = tokenizer.encode("\u6771");
  std::string bytes;
  for (const std::int32_t id : ids) {
    bytes += tokenizer.token_bytes(id);
  }
  EXPECT_EQ(bytes, "\u6771");
  ASSERT_GT(ids.size(), 1u);
  EXPECT_EQ(tokenizer.decode(std::span(ids).first(1)), "\uFFFD");
}

TEST(Tokenizer, MergesLongWordsInReasonableTime) {
  const Tokenizer tokenizer(tiny_spec());
  const std::string word(2'000'000, 'a');
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(word)), word);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(Tokenizer, IsSharedByThreads) {
  const Tokenizer tokenizer(tiny_spec());
  const Ids expected = tokenizer.encode("Marie Curie, 1867", SpecialText::kParse);
  std::vector<std::thread> threads;
  std::vector<int> equal(4, 0);
  for (std::size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        equal[t] += tokenizer.encode("Marie Curie, 1867", SpecialText::kParse) == expected ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(equal, testing::Each(200));
}

TEST(Tokenizer, RefusesIdsOutsideTheVocabulary) {
  const Tokenizer tokenizer(tiny_spec());
  for (const std::int32_t id : {-1, tokenizer.vocab_size()}) {
    try {
      tokenizer.decode(Ids{id});
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData);
      EXPECT_THAT(error.what(), testing::HasSubstr(std::to_string(id)));
    }
  }
}

TEST(Tokenizer, FindsTokensByTheirSpelling) {
  const Tokenizer tokenizer(tiny_spec());
  EXPECT_EQ(tokenizer.token_id("<|im_end|>"), 2);
  EXPECT_EQ(tokenizer.token_id("no such token"), std::nullopt);
}

TEST(Tokenizer, TakesWholeWordsWhereMergesAreIgnored) {
  TokenizerSpec spec = tiny_spec();
  spec.tokens.emplace_back("qzx");
  const auto id = static_cast<std::int32_t>(spec.tokens.size()) - 1;
  EXPECT_NE(Tokenizer(spec).encode("qzx"), Ids{id});
  spec.ignore_merges = true;
  EXPECT_EQ(Tokenizer(spec).encode("qzx"), Ids{id});
}

TEST(Tokenizer, DropsUnknownBytesOrWritesTheUnknownToken) {
  TokenizerSpec spec;
  spec.tokens = {"<unk>", "a", "b"};
  spec.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false})";
  spec.normalizer = "null";
  EXPECT_EQ(Tokenizer(spec).encode("axxb"), (Ids{1, 2}));
  spec.model_unk_id = 0;
  EXPECT_EQ(Tokenizer(spec).encode("axxb"), (Ids{1, 0, 0, 2}));
  spec.fuse_unk = true;
  EXPECT_EQ(Tokenizer(spec).encode("axxb"), (Ids{1, 0, 2}));
}

TEST(Tokenizer, NamesWhatItDoesNotSupport) {
  const auto with = [](const char* pre_tokenizer, const char* normalizer) {
    TokenizerSpec spec = tiny_spec();
    spec.pre_tokenizer = pre_tokenizer;
    spec.normalizer = normalizer;
    return model_error([&] { Tokenizer{spec}; });
  };
  constexpr char kByteLevel[] = R"({"type":"ByteLevel"})";
  EXPECT_THAT(with(R"({"type":"Metaspace"})", "null"), testing::HasSubstr("Metaspace"));
  EXPECT_THAT(with(kByteLevel, R"({"type":"Precompiled"})"), testing::HasSubstr("Precompiled"));
  EXPECT_THAT(with("null", "null"), testing::HasSubstr("ByteLevel"));
  EXPECT_THAT(with(R"({"type":"Digits"})", "null"), testing::HasSubstr("0 ByteLevel"));
  EXPECT_THAT(with("{", "null"), testing::HasSubstr("not JSON"));
  EXPECT_THAT(with(kByteLevel, R"({"type":"Replace","pattern":{"Regex":"("},"content":""})"),
              testing::HasSubstr("regular expression"));
}

TEST(Tokenizer, RefusesBrokenSpecs) {
  const auto error = [](const std::function<void(TokenizerSpec&)>& change) {
    TokenizerSpec spec = tiny_spec();
    change(spec);
    return model_error([&] { Tokenizer{spec}; });
  };
  EXPECT_THAT(error([](TokenizerSpec& s) { s.tokens.clear(); }), testing::HasSubstr("vocabulary"));
  EXPECT_THAT(error([](TokenizerSpec& s) { s.merges.emplace_back("no", "merge"); }),
              testing::HasSubstr("\"merge\""));
  EXPECT_THAT(error([](TokenizerSpec& s) { s.added_tokens[0].id = 1 << 20; }),
              testing::HasSubstr("1048576"));
  EXPECT_THAT(error([](TokenizerSpec& s) { s.added_tokens[0].content = "other"; }),
              testing::HasSubstr("other"));
  EXPECT_THAT(error([](TokenizerSpec& s) { s.tokens[5] = "\xFF"; }), testing::HasSubstr("token 5"));
  EXPECT_THAT(error([](TokenizerSpec& s) { s.eos_id = 1 << 20; }), testing::HasSubstr("eos"));
}

}  // namespace
}  // namespace cogent::text
