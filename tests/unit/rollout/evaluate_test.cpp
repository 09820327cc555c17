#include "rollout/evaluate.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

namespace cogent::rollout {
namespace {

Prediction prediction(std::string dataset, std::string completion, std::vector<Mention> gold) {
  Prediction made;
  made.example.row = 7;
  made.example.dataset = std::move(dataset);
  made.example.sentence = "Ada met Bo.";
  made.example.schema = {"person", "place"};
  made.example.entities = std::move(gold);
  made.completion = std::move(completion);
  made.parse = "ok";
  made.f1 = 1.0 / 3;
  made.reward = 2;
  made.tokens = 10;
  return made;
}

const std::string kAda = R"({"entities": {"person": ["Ada"]}})";

TEST(Evaluate, SummarisesByDataSetAndLabel) {
  std::vector<Prediction> predictions = {
      prediction("one", kAda, {{"Ada", "person"}, {"Bo", "person"}}),
      prediction("one", "no answer", {{"Oslo", "place"}}),
      prediction("two", kAda, {{"Ada", "person"}}),
  };
  predictions[1].finish = Finish::kLength;
  predictions[1].tokens = 40;
  predictions[1].reward = 0;
  const EvaluationSummary summary = summarise(predictions, RunConfig{});
  EXPECT_EQ(summary.score.total(), (ner::Counts{.tp = 2, .fp = 0, .fn = 2}));
  EXPECT_EQ(summary.score.by_label().at("person"), (ner::Counts{.tp = 2, .fp = 0, .fn = 1}));
  EXPECT_EQ(summary.format_rate, 66.67);
  EXPECT_EQ(summary.truncated_rate, 33.33);
  EXPECT_NEAR(summary.reward, 4.0 / 3, 1e-12);
  EXPECT_EQ(summary.completion_length, 20);
  const json::object object = to_json(summary);
  EXPECT_EQ(object.at("examples").to_number<int>(), 3);
  EXPECT_EQ(object.at("mean_f1").as_double(), 75);  // 50 and 100
  EXPECT_EQ(object.at("datasets").at("two").at("f1").as_double(), 100);
  EXPECT_EQ(object.at("corrected").at("mean_f1").as_double(), 75);
  EXPECT_NE(table(summary).find("place"), std::string::npos);
  EXPECT_NE(one_line(summary).find("3 examples"), std::string::npos);
}

// No gold entities and an empty answer: the two sets of rules differ only in such corners.
TEST(Evaluate, GivesBothRules) {
  const std::vector<Prediction> predictions = {prediction("one", kAda, {{"Ada", "person"}})};
  RunConfig config;
  config.metric.rules = MetricRules::kReference;
  const EvaluationSummary summary = summarise(predictions, config);
  EXPECT_EQ(summary.reference.f1, 100);
  EXPECT_EQ(summary.corrected.f1, 100);
}

TEST(Evaluate, NothingIsNotADivisionByZero) {
  const EvaluationSummary summary = summarise({}, RunConfig{});
  EXPECT_EQ(summary.reward, 0);
  EXPECT_EQ(to_json(summary).at("f1").as_double(), 0);
}

TEST(Prediction, TravelsAsAJsonLine) {
  Prediction sent = prediction("one", "<think>\nü\n</think>\n" + kAda, {{"Ada", "person"}});
  sent.predicted = repaired(std::vector<Mention>{{"Ada", "person"}, {"\xED\xA0\x80", "place"}});
  sent.finish = Finish::kLength;
  const std::string line = to_json_line(to_json(sent));
  const Prediction received = prediction_from_json(parse_json_object(line, "here"), "here");
  EXPECT_EQ(received.example.row, 7U);
  EXPECT_EQ(received.example.entities, sent.example.entities);
  EXPECT_EQ(received.predicted, sent.predicted);
  EXPECT_EQ(received.completion, sent.completion);
  EXPECT_EQ(received.f1, sent.f1);
  EXPECT_EQ(received.finish, Finish::kLength);
  EXPECT_EQ(to_json_line(to_json(received)), line);
}

TEST(Prediction, EveryMemberIsNeeded) {
  const json::object whole = to_json(prediction("one", kAda, {{"Ada", "person"}}));
  for (const auto& member : whole) {
    for (const bool wrong_kind : {false, true}) {
      json::object line = whole;
      if (wrong_kind) {
        line[member.key()] = json::object{};
      } else {
        line.erase(member.key());
      }
      EXPECT_THROW(prediction_from_json(line, "here"), Error) << member.key();
    }
  }
}

}  // namespace
}  // namespace cogent::rollout
