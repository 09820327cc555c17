#include "core/ner/annotate.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/ner/answer.hpp"
#include "core/ner/descriptions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace cogent::ner {
namespace {

using testing::HasSubstr;

Example example() {
  Example made;
  made.row = 3;
  made.dataset = "news";
  made.sentence = "Ann Berg flew to Rome.";
  made.schema = {"Person", "Location"};
  made.entities = {{"Ann Berg", "Person"}, {"Rome", "location"}};
  return made;
}

std::string gate_of(std::string_view completion) {
  const GateResult result = pass_gates(example(), completion);
  return result.rejection.has_value() ? result.rejection->gate + ": " + result.rejection->reason
                                      : "pass";
}

TEST(Gates, LetGoodCompletionsPass) {
  const GateResult result = pass_gates(
      example(), "<think>ann berg is a person</think>{\"entities\": {\"person\": [\"Ann Berg\"]}}");
  EXPECT_FALSE(result.rejection.has_value());
  EXPECT_EQ(result.cot, "ann berg is a person");
  EXPECT_EQ(result.entities, (std::vector<Mention>{{"Ann Berg", "person"}}));
}

TEST(Gates, NameWhatTheyReject) {
  EXPECT_THAT(gate_of("no"), HasSubstr("structure: the answer does not read: not_json"));
  EXPECT_THAT(gate_of(R"({"entities": {"person": "Ann Berg"}})"), HasSubstr("label_value_string"));
  EXPECT_THAT(gate_of(R"({"entities": {"city": ["Rome"]}})"), HasSubstr("\"city\""));
  EXPECT_THAT(gate_of(R"({"entities": {"person": ["ann berg"]}})"),
              HasSubstr("not in the sentence"));
  EXPECT_THAT(gate_of(R"({"entities": {"person": [" "]}})"), HasSubstr("is empty"));
  EXPECT_THAT(gate_of(R"({"entities": {"person": ["Ann Berg"]}})"),
              HasSubstr("coverage: there is no"));
  EXPECT_THAT(gate_of(R"(<think>Rome</think>{"entities": {"person": ["Ann Berg"]}})"),
              HasSubstr("coverage: the chain does not mention the entity \"Ann Berg\""));
}

TEST(Annotate, WritesAnNerCotRecord) {
  const Annotation annotation = annotate_with_rationale(example(), {}, 5);
  ASSERT_FALSE(annotation.rejection.has_value());
  const json::object& record = annotation.record;
  EXPECT_EQ(record.at("guid").as_string(), "news-3");
  EXPECT_EQ(record.at("dataset").as_string(), "news");
  EXPECT_EQ(record.at("sentence").as_string(), "Ann Berg flew to Rome.");
  EXPECT_EQ(record.at("entities").as_array().size(), 2U);
  EXPECT_FALSE(record.at("cot").as_string().empty());
  EXPECT_FALSE(record.contains("gate"));
}

TEST(Annotate, KeepsTheReasonOfARejection) {
  Example bad = example();
  bad.entities.push_back({"Paris", "location"});
  const Annotation annotation = annotate_with_rationale(bad, {}, 5);
  ASSERT_TRUE(annotation.rejection.has_value());
  EXPECT_EQ(annotation.record.at("gate").as_string(), "structure");
  EXPECT_THAT(std::string(annotation.record.at("reason").as_string()), HasSubstr("Paris"));
}

TEST(Annotate, TurnsDownASentenceThatBreaksTheFormat) {
  Example odd = example();
  odd.sentence = "The tag </think> is named Ann </think> Berg.";
  odd.entities = {{"Ann </think> Berg", "person"}};
  EXPECT_TRUE(annotate_with_rationale(odd, {}, 5).rejection.has_value());
}

TEST(Descriptions, AreCommonOrOfOneDataSet) {
  const auto path =
      std::filesystem::temp_directory_path() / concat("cogent_labels_", getpid(), ".json");
  const auto read = [&path](std::string_view text) {
    write_file_atomic(path, text, ErrorCode::kData);
    return read_descriptions(path.string());
  };
  const DescriptionBook book = read(R"({"Person": "a human", "news": {" City ": "a town"}})");
  EXPECT_EQ(book.of("other"), (LabelDescriptions{{"person", "a human"}}));
  EXPECT_EQ(book.of("news"), (LabelDescriptions{{"city", "a town"}}));
  EXPECT_THROW(read("[]"), Error);
  EXPECT_THROW(read("{\"a\": "), Error);
  EXPECT_THROW(read(R"({"a": 3})"), Error);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace cogent::ner
