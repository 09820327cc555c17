#include "rollout/stop_text.hpp"

#include "core/base/error.hpp"
#include "rollout/completion_text.hpp"
#include "rollout/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace cogent::rollout {
namespace {

using Ids = std::vector<std::int32_t>;
using Texts = std::vector<std::string>;

// Letters, a pair of them, the two bytes of "é" (C3 A9, in byte-level spelling) and an end token.
text::Tokenizer letters() {
  text::TokenizerSpec spec;
  spec.tokens = {"a", "b", "ab", "Ã", "©", "<end>"};
  spec.added_tokens = {{.id = 5, .content = "<end>", .special = true}};
  spec.pre_tokenizer = R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true})";
  spec.normalizer = "null";
  return text::Tokenizer(spec);
}

TEST(StopText, IsFoundAcrossTheBordersOfTokens) {
  const text::Tokenizer tokenizer = letters();
  const auto completes = [&](const Ids& ids, const Texts& stops) {
    return completes_stop_text(tokenizer, ids, stops);
  };
  EXPECT_TRUE(completes({0}, {"a"}));
  EXPECT_FALSE(completes({0}, {"b"}));
  EXPECT_TRUE(completes({0, 0, 1}, {"aab"}));
  EXPECT_TRUE(completes({1, 2}, {"ba"})) << "a stop text may end inside a token";
  EXPECT_TRUE(completes({1, 2}, {"bbb", "ab"}));
  EXPECT_FALSE(completes({1, 2}, {"bab "}));
  EXPECT_FALSE(completes({0, 3}, {"é"})) << "half a character";
  EXPECT_TRUE(completes({0, 3, 4}, {"é"}));
  EXPECT_TRUE(completes({0, 3, 4}, {"aé"}));
  EXPECT_TRUE(completes({0, 5}, {"a<en"})) << "special tokens have a text";
  EXPECT_FALSE(completes({0, 6}, {"b"})) << "an id of a padded vocabulary has none";
  EXPECT_TRUE(completes({0, 6, 1}, {"ab"}));
  EXPECT_FALSE(completes({}, {"a"}));
  EXPECT_FALSE(completes({0}, {}));
}

TEST(StopText, TheTextEndsBeforeTheFirst) {
  const Texts stops = {"b", "ab"};
  EXPECT_EQ(before_stop_text("aaab", stops), "aa");
  EXPECT_EQ(before_stop_text("abab", stops), "");
  EXPECT_EQ(before_stop_text("aaa", stops), "aaa");
  EXPECT_EQ(before_stop_text("ab", {}), "ab");
}

TEST(StopText, IsTextAndNotEmpty) {
  EXPECT_NO_THROW(check_stop_texts(Texts{"\n", "é"}));
  for (const Texts& bad : {Texts{""}, Texts{"a", "\xC3"}}) {
    try {
      check_stop_texts(bad);
      FAIL() << "a stop text that can never stand in a text was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
    }
  }
}

TEST(StopText, WhatIsShownHasNeitherStopTextNorEndToken) {
  const text::Tokenizer tokenizer = letters();
  const auto shown = [&](const Ids& ids, const Texts& stops) {
    Completion completion;
    completion.ids = ids;
    return text_before_stop(tokenizer, completion, {.stop_ids = {5}, .stop_texts = stops});
  };
  EXPECT_EQ(shown({0, 2}, {"b"}), "aa") << "what the last token has before the stop text stays";
  EXPECT_EQ(shown({0, 3, 4}, {"é"}), "a");
  EXPECT_EQ(shown({0, 3}, {"é"}), "a\uFFFD");
  EXPECT_EQ(shown({0, 1, 5}, {}), "ab");
  EXPECT_EQ(shown({0, 1, 5}, {"<"}), "ab");
  EXPECT_EQ(shown({0, 6, 1}, {}), "ab");
  EXPECT_EQ(shown({}, {"b"}), "");
}

// Drawn by a tiny model that speaks nonsense.
class StopTextDraws : public ::testing::Test {
 protected:
  static std::string path() {
    const char* folder = std::getenv("COGENT_FIXTURES");
    return std::string(folder == nullptr ? "tests/fixtures" : folder) + "/models/llama_gqa3_tied";
  }

  StopTextDraws()
      : source_(model::open_weights(path())),
        tokenizer_(model::open_tokenizer(path())),
        model_(source_->config(), model::cpu_ops()),
        weights_(model::load_weights(*source_)) {
    request_.seed = 6;
    request_.prompt_id = 3;
    request_.group_size = 8;
    request_.prompt_ids = {11, 40, 7, 11, 93};
    request_.sampling.max_new_tokens = 60;
  }

  std::vector<Completion> draw(EngineOptions options) {
    options.tokenizer = &tokenizer_;
    return Engine(model_, weights_, options).generate(std::span(&request_, 1)).front().completions;
  }

  // How many tokens are kept: up to the first behind which the text holds a stop text.
  std::size_t kept(const Ids& ids) const {
    for (std::size_t count = 1; count <= ids.size(); ++count) {
      std::string bytes;
      for (const std::int32_t id : std::span(ids).first(count)) {
        bytes += tokenizer_.token_bytes(id);
      }
      const Texts& stops = request_.sampling.stop_texts;
      if (std::any_of(stops.begin(), stops.end(), [&](const std::string& stop) {
            return bytes.find(stop) != std::string::npos;
          })) {
        return count;
      }
    }
    return ids.size() + 1;
  }

  // Single characters, and pairs that two tokens make up together.
  void stop_at_what_occurs(const std::vector<Completion>& completions) {
    for (std::size_t i = 0; i < completions.size(); ++i) {
      const Ids& ids = completions[i].ids;
      for (std::size_t at = 10 + 5 * i; at + 1 < ids.size(); ++at) {
        const std::string left = tokenizer_.token_bytes(ids[at]);
        const std::string right = tokenizer_.token_bytes(ids[at + 1]);
        const bool ascii = static_cast<signed char>(left.back()) > 0 &&
                           static_cast<signed char>(right.front()) > 0;
        if (ascii) {
          request_.sampling.stop_texts.push_back({left.back(), right.front()});
          break;
        }
      }
    }
  }

  std::unique_ptr<model::WeightSource> source_;
  text::Tokenizer tokenizer_;
  model::Transformer model_;
  model::ModelWeights weights_;
  RolloutRequest request_;
};

TEST_F(StopTextDraws, EndAtTheFirstTokenThatCompletesOne) {
  const bool same_bits = model_.rows_are_independent();
  for (const double temperature : {0.3, 1.0}) {
    request_.sampling.temperature = temperature;
    request_.sampling.stop_texts.clear();
    const std::vector<Completion> free = draw({});
    stop_at_what_occurs(free);
    std::size_t stopped = 0;
    for (const EngineOptions options :
         {EngineOptions{.draft_rows = 0}, EngineOptions{.max_sequences = 1, .draft_rows = 24},
          EngineOptions{.max_sequences = 3, .draft_rows = 24}}) {
      const std::vector<Completion> completions = draw(options);
      for (std::size_t i = 0; i < free.size() && same_bits; ++i) {
        const std::size_t count = kept(free[i].ids);
        const bool ends = count <= free[i].ids.size();
        const auto length = static_cast<std::ptrdiff_t>(std::min(count, free[i].ids.size()));
        EXPECT_EQ(completions[i].ids, Ids(free[i].ids.begin(), free[i].ids.begin() + length));
        EXPECT_EQ(completions[i].logprobs,
                  std::vector<float>(free[i].logprobs.begin(), free[i].logprobs.begin() + length));
        EXPECT_EQ(completions[i].finish, ends ? Finish::kStop : Finish::kLength);
        stopped += ends ? 1 : 0;
      }
    }
    EXPECT_TRUE(!same_bits || stopped >= 6) << "hardly a stop text occurs: the test shows little";
  }
}

TEST_F(StopTextDraws, NeedATokenizer) {
  request_.sampling.stop_texts = {"a"};
  EXPECT_THROW(Engine(model_, weights_).generate(std::span(&request_, 1)), Error);
}

}  // namespace
}  // namespace cogent::rollout
