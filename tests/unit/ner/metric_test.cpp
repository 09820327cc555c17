#include "core/ner/metric.hpp"

#include <gtest/gtest.h>

namespace cogent::ner {
namespace {

Example example(const std::string& dataset, std::vector<Mention> gold) {
  Example made;
  made.dataset = dataset;
  made.schema = {"person", "location"};
  made.entities = std::move(gold);
  return made;
}

Answer answer(const std::vector<Mention>& mentions) {
  const std::vector<std::string> schema = {"person", "location"};
  return answer_of_mentions(mentions, schema);
}

TEST(Metric, CountsSetsPerSentence) {
  Score score;
  score.add(example("a", {{"The Rome", "Location"}, {"Ann", "person"}}),
            answer({{"rome", "location"}, {"Rome!", "LOCATION"}, {"Bob", "person"}}));
  score.add(example("b", {{"Ann", "person"}}), answer({{"Ann", "person"}}));
  EXPECT_EQ(score.total(), (Counts{2, 1, 1}));
  EXPECT_EQ(score.by_label().at("location"), (Counts{1, 0, 0}));
  EXPECT_EQ(score.by_label().at("person"), (Counts{1, 1, 1}));
  EXPECT_EQ(score.by_dataset().at("a"), (Counts{1, 1, 1}));
  EXPECT_EQ(score.by_parse().at("ok"), 2);
  EXPECT_EQ(score.mean_f1(), 75);
}

TEST(Metric, RoundsTheMeanOfRoundedValues) {
  EXPECT_EQ(percent(2.0 / 3), 66.67);
  EXPECT_EQ(percent(0.12345), 12.35);  // The double lies above the tie.
  EXPECT_EQ(percent(0.10125), 10.12);  // And here below it.
  const std::vector<double> values = {66.67, 33.33, 0.01};
  EXPECT_EQ(headline(values), 33.34);
  EXPECT_EQ(headline({}), 0);
}

TEST(Metric, HasNoDivisionByZero) {
  EXPECT_EQ(Counts{}.f1(), 0);
  EXPECT_EQ((Counts{0, 3, 0}.precision()), 0);
  EXPECT_EQ((Counts{0, 0, 3}.recall()), 0);
}

}  // namespace
}  // namespace cogent::ner
