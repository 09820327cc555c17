#include "core/data/reader.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string_view>
#include <unistd.h>

namespace cogent::data {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Reader : public testing::Test {
 protected:
  Reader() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / concat("cogent_reader_", test->name(), "_", getpid());
    fs::create_directories(folder_);
  }
  ~Reader() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  static std::string error_of(const std::string& path) {
    try {
      read_examples(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData);
      return error.what();
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(Reader, ReadsJsonLines) {
  const std::string path = write(
      "gold.jsonl",
      R"({"dataset": "news", "sentence": "Ann in Rome", "schema": ["Person", "misc"], "entities": [{"text": "Ann ", "label": "Person"}, {"text": "Rome", "label": "MISC"}]})"
      "\n\n"
      R"({"guid": "1", "source": "bio", "dataset": null, "sentence": "x", "schema": [], "entities": [], "cot": "why"})"
      "\n");
  const auto examples = read_examples(path);
  ASSERT_EQ(examples.size(), 2U);
  EXPECT_EQ(examples[0].dataset, "news");
  EXPECT_THAT(examples[0].schema, ElementsAre("person"));
  EXPECT_THAT(examples[0].entities, ElementsAre(Mention{"Ann", "person"}));
  EXPECT_EQ(examples[0].cot, std::nullopt);
  EXPECT_EQ(examples[1].row, 1U);
  EXPECT_EQ(examples[1].dataset, "bio");
  EXPECT_EQ(examples[1].cot, "why");
}

TEST_F(Reader, NamesTheLineOfABadRecord) {
  const std::string good = R"({"sentence": "x", "schema": [], "entities": []})";
  EXPECT_THAT(error_of(write("cut.jsonl", good + "\n" + good + "\n" + good.substr(0, 20))),
              HasSubstr("cut.jsonl line 3: not JSON"));
  EXPECT_THAT(error_of(write("missing.jsonl", good + "\n{\"sentence\": \"x\", \"schema\": []}")),
              HasSubstr("missing.jsonl line 2: \"entities\" is missing"));
  EXPECT_THAT(error_of(write("kind.jsonl", R"({"sentence": 3, "schema": [], "entities": []})")),
              HasSubstr("line 1: \"sentence\" is a number, a string is needed"));
  EXPECT_THAT(error_of(write("entity.jsonl",
                             R"({"sentence": "x", "schema": [], "entities": [{"text": "x"}]})")),
              HasSubstr("line 1: entity 1: \"label\" is missing"));
  EXPECT_THAT(error_of(write("empty.jsonl", " \n")), HasSubstr("empty.jsonl is empty"));
  EXPECT_THAT(error_of(write("other.jsonl", "\nhello")), HasSubstr("line 2: neither"));
  EXPECT_THAT(error_of((folder_ / "absent.jsonl").string()), HasSubstr("absent.jsonl"));
}

TEST_F(Reader, MayDoWithoutEntities) {
  const json::object record = parse_json_object(R"({"sentence": "x", "schema": ["A"]})", "here");
  EXPECT_TRUE(example_from_json(record, 4, "here", Gold::kOptional).entities.empty());
  EXPECT_THROW(example_from_json(record, 4, "here", Gold::kRequired), Error);
}

TEST_F(Reader, ReadsInstructUie) {
  write("labels.json", R"(["Person", "else", "location"])");
  const std::string path = write(
      "train.json",
      "[\n"
      R"({"sentence":"Ann in Rome","entities":[{"name":"Ann","type":"person","pos":[0,3]},{"name":"in","type":"else","pos":[4,6]}]},)"
      "\n"
      R"({"sentence":"nothing","entities":[]})"
      "\n]\n");
  for (const auto& examples :
       {read_examples(path), read_examples(folder_.string(), Split::kTrain)}) {
    ASSERT_EQ(examples.size(), 2U);
    EXPECT_EQ(examples[0].dataset, folder_.filename().string());
    EXPECT_THAT(examples[0].schema, ElementsAre("location", "person"));
    EXPECT_THAT(examples[0].entities, ElementsAre(Mention{"Ann", "person"}));
    EXPECT_EQ(examples[1].row, 1U);
  }
  EXPECT_THROW(read_examples(folder_.string()), Error);
  EXPECT_THROW(read_examples(folder_.string(), Split::kDev), Error);
}

TEST_F(Reader, NamesTheLineInAnArray) {
  EXPECT_THAT(error_of(write("cut.json", "[\n{\"sentence\": \"x\",\n\"enti")),
              HasSubstr("cut.json line 3: not JSON, a string has no end"));
  write("labels.json", "[\"a\"]");
  EXPECT_THAT(error_of(write("bad.json", "[\n{\"sentence\": \"x\", \"entities\": []},\n{}]")),
              HasSubstr("bad.json line 3: \"sentence\" is missing"));
  EXPECT_THAT(error_of(write("half.json", R"([{"sentence": "\ud800", "entities": []}])")),
              HasSubstr("half.json line 1: \"sentence\" holds half of a surrogate pair"));
  write("labels.json", "[\n3]");
  EXPECT_THAT(error_of(write("ok.json", "[{\"sentence\": \"x\", \"entities\": []}]")),
              HasSubstr("labels.json line 2: a label is a number, a string is needed"));
}

TEST_F(Reader, ReadsConversations) {
  const std::string record =
      R"({"id": "1", "conversations": [{"from": "human", "value": "Text: Ann in Rome"}, {"from": "gpt", "value": "I've read this text."},)"
      R"({"from": "human", "value": "What describes Person in the text?"}, {"from": "gpt", "value": "[\"Ann\"]"},)"
      R"({"from": "human", "value": "What describes date in the text?"}, {"from": "gpt", "value": "[]"}]})";
  for (const auto& examples : {read_examples(write("a.json", "[" + record + "]")),
                               read_examples(write("a.jsonl", record))}) {
    ASSERT_EQ(examples.size(), 1U);
    EXPECT_EQ(examples[0].sentence, "Ann in Rome");
    EXPECT_THAT(examples[0].schema, ElementsAre("date", "person"));
    EXPECT_THAT(examples[0].entities, ElementsAre(Mention{"Ann", "person"}));
  }
}

TEST_F(Reader, ReadsConll) {
  const auto examples = read_examples(write("sample.conll",
                                            "-DOCSTART- -X- O O\n\nAnn NNP B-PER\nBerg NNP I-PER\n"
                                            "saw VBD O\r\nRome NNP I-LOC\nBern NNP B-LOC\n\n\n"
                                            "Oslo S-LOC\n"));
  ASSERT_EQ(examples.size(), 2U);
  EXPECT_EQ(examples[0].sentence, "Ann Berg saw Rome Bern");
  EXPECT_THAT(examples[0].entities, ElementsAre(Mention{"Ann Berg", "per"}, Mention{"Rome", "loc"},
                                                Mention{"Bern", "loc"}));
  EXPECT_THAT(examples[1].schema, ElementsAre("loc", "per"));
  EXPECT_EQ(examples[1].dataset, "sample");
  EXPECT_THAT(error_of(write("bad.conll", "Ann B-PER\nBerg\n")),
              HasSubstr("bad.conll line 2: \"Berg\" has no tag"));
  EXPECT_THAT(error_of(write("tag.conll", "Ann X-PER\n")), HasSubstr("line 1: the tag \"X-PER\""));
}

TEST_F(Reader, NumbersRowsThroughSeveralFiles) {
  const std::string line = R"({"sentence": "x", "schema": [], "entities": []})";
  const std::vector<std::string> paths = {write("a.jsonl", line + "\n" + line),
                                          write("b.jsonl", line)};
  const auto examples = read_examples(paths, Split::kTrain);
  ASSERT_EQ(examples.size(), 3U);
  EXPECT_EQ(examples[2].row, 2U);
}

TEST_F(Reader, DigestsEverything) {
  Example one;
  one.sentence = "a";
  one.schema = {"b"};
  const auto digest = [](const Example& example) { return data_digest(std::vector{example}); };
  Example other = one;
  EXPECT_EQ(digest(one), digest(other));
  other.cot = "";
  EXPECT_NE(digest(one), digest(other));
  other = one;
  other.schema = {};
  other.sentence = "ab";
  EXPECT_NE(digest(one), digest(other));
  other = one;
  other.entities = {{"a", "b"}};
  EXPECT_NE(digest(one), digest(other));
  EXPECT_NE(data_digest({}), digest(one));
}

}  // namespace
}  // namespace cogent::data
