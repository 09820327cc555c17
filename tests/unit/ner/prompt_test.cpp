#include "core/ner/prompt.hpp"

#include "core/base/error.hpp"
#include "core/ner/answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogent::ner {
namespace {

using testing::HasSubstr;

Example example() {
  Example made;
  made.dataset = "news";
  made.sentence = "Ann saw {{schema}} in Rome.";
  made.schema = {"Person", "LOCATION", "misc", "é"};
  return made;
}

TEST(Prompt, FillsFieldsOnce) {
  const PromptTemplate prompt("{{schema}} {x} {{sentence}} {{source}}\n", "test");
  EXPECT_EQ(render_prompt(prompt, example(), AddSource::kYes),
            "[\"location\", \"person\", \"é\"] {x} Ann saw {{schema}} in Rome. news");
}

TEST(Prompt, PutsTheSourceFirst) {
  const PromptTemplate prompt("{{sentence}}", "test");
  const std::string with = render_prompt(prompt, example(), AddSource::kYes);
  EXPECT_EQ(with, "The text comes from the data set news.\nAnn saw {{schema}} in Rome.");
  Example unknown = example();
  unknown.dataset.clear();
  EXPECT_EQ(render_prompt(prompt, unknown, AddSource::kYes), unknown.sentence);
}

TEST(Prompt, NamesAnUnknownField) {
  try {
    PromptTemplate("{{sentence}} {{SCHEMA}}", "mine.txt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("mine.txt: the field {{SCHEMA}} is unknown"));
  }
  EXPECT_THROW(PromptTemplate("{{schema}}", "mine.txt"), Error);
}

TEST(Prompt, LeavesOtherBracesAlone) {
  const PromptTemplate prompt("{\"a\": {\"b\": {}}} {{\"c\"}} {{ {{sentence}}", "test");
  EXPECT_EQ(prompt.fill("", "x", ""), "{\"a\": {\"b\": {}}} {{\"c\"}} {{ x");
}

TEST(Prompt, ShipsBothWordings) {
  const std::string with = render_prompt(built_in_prompt(Chain::kWith), example(), AddSource::kNo);
  EXPECT_THAT(with, HasSubstr("<think>...</think>"));
  EXPECT_THAT(with, HasSubstr("{\"entities\": {"));
  EXPECT_THAT(with, HasSubstr("Ann saw"));
  PromptSettings settings;
  settings.cot = false;
  const std::string without = render_prompt(load_prompt(settings), example(), AddSource::kNo);
  EXPECT_EQ(without.find("<think>"), std::string::npos);
  settings.template_file = "/nowhere/prompt.txt";
  EXPECT_THROW(load_prompt(settings), Error);
}

TEST(Completion, IsWhatPythonDumps) {
  EXPECT_EQ(
      render_completion(
          "why",
          std::vector<Mention>{{"Rome", "location"}, {"Ann", "Person"}, {"Bern", "location"}}),
      "<think>\nwhy\n</think>\n{\n  \"entities\": {\n    \"location\": [\n      \"Rome\",\n      "
      "\"Bern\"\n    ],\n    \"person\": [\n      \"Ann\"\n    ]\n  }\n}");
  EXPECT_EQ(render_completion("", {}), "{\n  \"entities\": {}\n}");
}

TEST(Completion, ReadsBack) {
  const std::vector<Mention> mentions = {{"a \"b\" \\ é", "x"}, {"😀", "y"}};
  const std::vector<std::string> schema = {"x", "y"};
  const Answer answer =
      parse_answer(render_completion("c", mentions), schema, MetricRules::kReference);
  EXPECT_EQ(answer.mentions, mentions);
  EXPECT_EQ(answer.schema_reward, 1);
}

}  // namespace
}  // namespace cogent::ner
