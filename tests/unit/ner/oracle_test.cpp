// Against fixtures that tests/oracle/make_ner_fixtures.py wrote with Python's own str, re and json.

#include "core/ner/metric.hpp"
#include "core/ner/normalise.hpp"
#include "core/ner/prompt.hpp"
#include "core/ner/reward.hpp"
#include "core/ner/unicode.hpp"
#include "tests/unit/ner/fixtures.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace cogent::ner {
namespace {

std::vector<Mention> mentions_of(const PythonJson& pairs) {
  std::vector<Mention> mentions;
  for (const PythonJson& pair : pairs.items) {
    mentions.push_back({pair.items.at(0).text, pair.items.at(1).text});
  }
  return mentions;
}

TEST(Oracle, NormalisesAsPython) {
  for (const PythonJson& line : fixture_lines("normalised.jsonl")) {
    const std::string& text = member(line, "text").text;
    EXPECT_EQ(normalise_mention(text), member(line, "mention").text) << text;
    EXPECT_EQ(normalise_label(text), member(line, "label").text) << text;
  }
}

TEST(Oracle, RepairsUtf8AsPython) {
  for (const PythonJson& line : fixture_lines("repaired.jsonl")) {
    const std::string& hex = member(line, "hex").text;
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    EXPECT_EQ(repair_utf8(bytes), member(line, "text").text) << hex;
  }
}

TEST(Oracle, ReadsAnswersAsTheTable) {
  for (const PythonJson& line : fixture_lines("answers.jsonl")) {
    const std::string& completion = member(line, "completion").text;
    Example example;
    example.schema = strings_of(member(line, "schema"));
    example.entities = mentions_of(member(line, "gold"));
    for (const auto& [name, rules] : {std::pair{"reference", MetricRules::kReference},
                                      std::pair{"corrected", MetricRules::kCorrected}}) {
      const PythonJson& expected = member(line, name);
      const Answer answer = parse_answer(completion, example.schema, rules);
      const std::string shown = completion.substr(0, 200);
      EXPECT_EQ(answer.mentions, mentions_of(member(expected, "mentions"))) << name << shown;
      const RewardParts reward = ner_reward(example, completion, rules);
      EXPECT_EQ(reward.schema, std::stod(member(expected, "schema").text)) << name << shown;
      EXPECT_EQ(reward.f1, std::stod(member(expected, "f1").text)) << name << shown;
      EXPECT_EQ(reward.parse, answer.parse);
    }
  }
}

TEST(Oracle, DumpsAsPython) {
  for (const PythonJson& line : fixture_lines("dumps.jsonl")) {
    const auto entities = mentions_of(member(line, "entities"));
    EXPECT_EQ(render_completion("", entities), member(line, "json").text);
    Example example;
    for (const Mention& mention : entities) {
      example.schema.push_back(mention.label);
    }
    const PromptTemplate prompt("{{schema}}|{{sentence}}", "test");
    EXPECT_EQ(render_prompt(prompt, example, AddSource::kNo), member(line, "schema").text + "|");
  }
}

TEST(Oracle, RoundsAsPython) {
  for (const PythonJson& line : fixture_lines("rounded.jsonl")) {
    EXPECT_EQ(percent(std::stod(member(line, "share").text)),
              std::stod(member(line, "percent").text));
  }
}

}  // namespace
}  // namespace cogent::ner
