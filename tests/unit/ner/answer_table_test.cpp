// Every row of the table of cases in docs/metric.md, under both rules.

#include "core/ner/answer.hpp"
#include "core/ner/reward.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace cogent::ner {
namespace {

struct Expected {
  double f1;
  double schema;
  const char* parse;
};
struct Row {
  const char* name;
  std::string completion;
  Expected reference;
  Expected corrected;
  std::vector<Mention> gold = {{"Rome", "location"}};
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

class AnswerTable : public testing::TestWithParam<Row> {};

TEST_P(AnswerTable, HoldsUnderBothRules) {
  const Row& row = GetParam();
  Example example;
  example.schema = {"Person", "Location"};
  example.entities = row.gold;
  const auto expect = [&](MetricRules rules, const Expected& expected) {
    const RewardParts parts = ner_reward(example, row.completion, rules);
    EXPECT_DOUBLE_EQ(parts.f1, expected.f1) << row.name;
    EXPECT_EQ(parts.schema, expected.schema) << row.name;
    EXPECT_EQ(parts.parse, expected.parse) << row.name;
  };
  expect(MetricRules::kReference, row.reference);
  expect(MetricRules::kCorrected, row.corrected);
}

const std::string kGood = R"({"entities": {"location": ["Rome"]}})";
const std::vector<Mention> kNone = {};
const std::vector<Mention> kLetters = {
    {"R", "location"}, {"o", "location"}, {"m", "location"}, {"e", "location"}};

const Row kRows[] = {
    {"good", kGood, {1, 1, "ok"}, {1, 1, "ok"}},
    {"chain_and_fence",
     "<think>x</think>\n```json\n" + kGood + "\n```",
     {1, 1, "ok"},
     {1, 1, "ok"}},
    {"not_json", "Rome is a city", {0, 0, "not_json"}, {0, 0, "not_json"}},
    {"empty", "", {0, 0, "not_json"}, {0, 0, "not_json"}},
    {"unclosed_answer", "<answer>" + kGood, {0, 0, "unclosed_answer"}, {1, 1, "ok"}},
    {"unclosed_json", "```json\n" + kGood, {0, 0, "unclosed_json"}, {1, 1, "ok"}},
    {"unclosed_answer_cut", "<answer>{\"ent", {0, 0, "unclosed_answer"}, {0, 0, "not_json"}},
    {"list", "[1,2]", {0, 1, "not_object"}, {0, 0, "not_object"}},
    {"null", "null", {0, 1, "not_object"}, {0, 0, "not_object"}},
    {"number", "3", {0, 1, "not_object"}, {0, 0, "not_object"}},
    {"not_a_number", "NaN", {0, 1, "not_object"}, {0, 0, "not_object"}},
    {"no_entities", R"({"a": 1})", {0, 1, "no_entities"}, {0, 0, "no_entities"}},
    {"entities_list",
     R"({"entities": []})",
     {0, 0, "entities_not_object"},
     {0, 0, "entities_not_object"}},
    {"entities_null",
     R"({"entities": null})",
     {0, 0, "entities_not_object"},
     {0, 0, "entities_not_object"}},
    {"value_null",
     R"({"entities": {"location": ["Rome"], "person": null}})",
     {0, 0, "label_value_null"},
     {1, 0, "label_value_null"}},
    {"value_number",
     R"({"entities": {"location": ["Rome"], "person": 3}})",
     {0, 0, "label_value_number"},
     {1, 0, "label_value_number"}},
    {"value_boolean",
     R"({"entities": {"location": ["Rome"], "person": true}})",
     {0, 0, "label_value_boolean"},
     {1, 0, "label_value_boolean"}},
    {"value_string",
     R"({"entities": {"location": "Rome"}})",
     {0, 1, "label_value_string"},
     {1, 0, "label_value_string"}},
    {"value_string_letters",
     R"({"entities": {"location": "Rome"}})",
     {1, 1, "label_value_string"},
     {0, 0, "label_value_string"},
     kLetters},
    {"value_string_unknown",
     R"({"entities": {"city": "Rome"}})",
     {0, 0, "label_value_string"},
     {0, 0, "label_value_string"}},
    {"value_object",
     R"({"entities": {"location": {"Rome": 1}}})",
     {1, 1, "label_value_object"},
     {0, 0, "label_value_object"}},
    {"value_object_unknown",
     R"({"entities": {"city": {"Rome": 1}}})",
     {0, 0, "label_value_object"},
     {0, 0, "label_value_object"}},
    {"members_not_strings",
     R"({"entities": {"location": [1, null, "Rome", ["x"]]}})",
     {1, 1, "ok"},
     {1, 1, "ok"}},
    {"label_outside",
     R"({"entities": {"location": ["Rome"], "city": ["Rome"]}})",
     {2.0 / 3, 0, "ok"},
     {2.0 / 3, 0, "ok"}},
    {"label_misc",
     R"({"entities": {"location": ["Rome"], "misc": ["x"]}})",
     {2.0 / 3, 0, "ok"},
     {2.0 / 3, 0, "ok"}},
    {"label_outside_empty",
     R"({"entities": {"location": ["Rome"], "city": []}})",
     {1, 1, "ok"},
     {1, 1, "ok"}},
    {"label_case", R"({"entities": {" LOCATION ": [" the Rome. "]}})", {1, 1, "ok"}, {1, 1, "ok"}},
    {"empty_mention_counts",
     R"({"entities": {"location": ["Rome", "the"]}})",
     {2.0 / 3, 1, "ok"},
     {2.0 / 3, 1, "ok"}},
    {"last_key_wins",
     R"({"entities": {"location": ["Paris"], "location": ["Rome"]}})",
     {1, 1, "ok"},
     {1, 1, "ok"}},
    {"both_empty", R"({"entities": {}})", {0, 1, "ok"}, {1, 1, "ok"}, kNone},
    {"both_empty_list", R"({"entities": {"location": []}})", {0, 1, "ok"}, {1, 1, "ok"}, kNone},
    {"both_empty_not_object", "[]", {0, 1, "not_object"}, {0, 0, "not_object"}, kNone},
    {"both_empty_no_entities", "{}", {0, 1, "no_entities"}, {0, 0, "no_entities"}, kNone},
    {"both_empty_bad_value",
     R"({"entities": {"location": 3}})",
     {0, 0, "label_value_number"},
     {1, 0, "label_value_number"},
     kNone},
    {"gold_misc_is_empty", R"({"entities": {}})", {0, 1, "ok"}, {1, 1, "ok"}, {{"x", "misc"}}},
    {"gold_empty_prediction_not", kGood, {0, 1, "ok"}, {0, 1, "ok"}, kNone},
    {"prediction_empty_gold_not", R"({"entities": {}})", {0, 1, "ok"}, {0, 1, "ok"}},
};

INSTANTIATE_TEST_SUITE_P(Rows, AnswerTable, testing::ValuesIn(kRows),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Answer, IsTotalOnBytes) {
  const std::vector<std::string> schema = {"x"};
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(3, static_cast<char>(byte));
    EXPECT_FALSE(parse_answer(text, schema, MetricRules::kReference).parse.empty());
    EXPECT_FALSE(parse_answer("<answer>" + text, schema, MetricRules::kCorrected).parse.empty());
  }
}

TEST(Answer, AppliesTheExtractionTwice) {
  const auto text = [](std::string_view completion) {
    return extract_answer_text(completion, MetricRules::kReference).text;
  };
  EXPECT_EQ(text("<answer><think>x</think>```json {} ```</answer>"), "{}");
  EXPECT_EQ(text("<th</think>ink>{}"), "{}");  // The first pass makes the tag, the second drops it.
  EXPECT_EQ(text("a</think>b<think>c</think>d<think>e"),
            "a"
            "bde");
}

TEST(Answer, FindsTheChain) {
  EXPECT_EQ(find_chain("<think>\nwhy\n</think>\n{}"), "why");
  EXPECT_EQ(find_chain("<think>why"), std::nullopt);
  EXPECT_EQ(find_chain("{}"), std::nullopt);
}

}  // namespace
}  // namespace cogent::ner
