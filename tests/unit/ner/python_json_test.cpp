#include "core/ner/python_json.hpp"

#include <gtest/gtest.h>

namespace cogent::ner {
namespace {

bool reads(std::string_view text) {
  return parse_python_json(text).value.has_value();
}

std::string nested(int depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(PythonJson, ReadsWhatPythonReads) {
  for (const char* text : {"NaN", "Infinity", "-Infinity", "-0", "1e999", "\t\r\n {} ", "\"\x7f\"",
                           "[1.5, -2E+3, true, null]", "\"\\ud800\"", "\"\\/\""}) {
    EXPECT_TRUE(reads(text)) << text;
  }
}

TEST(PythonJson, RefusesWhatPythonRefuses) {
  for (const char* text : {"",
                           " ",
                           "nan",
                           "-NaN",
                           "+1",
                           "01",
                           "1.",
                           ".5",
                           "-",
                           "1e",
                           "[1,]",
                           "[,]",
                           "{\"a\":1,}",
                           "{a:1}",
                           "'a'",
                           "{} {}",
                           "\"\x1f\"",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"open",
                           "[1",
                           "{\"a\"",
                           "\xEF\xBB\xBF{}",
                           "\xC2\xA0{}",
                           "\x0B{}",
                           "tru",
                           "[1 2]",
                           "{\"a\" 1}"}) {
    EXPECT_FALSE(reads(text)) << text;
    EXPECT_FALSE(parse_python_json(text).error.empty());
  }
  EXPECT_FALSE(reads(std::string_view("{}\0", 3)));
}

TEST(PythonJson, BoundsDepthAndDigits) {
  EXPECT_TRUE(reads(nested(kMaxJsonDepth)));
  EXPECT_FALSE(reads(nested(kMaxJsonDepth + 1)));
  EXPECT_FALSE(reads(std::string(1'000'000, '[')));
  EXPECT_TRUE(reads(std::string(kMaxIntegerDigits, '7')));
  EXPECT_TRUE(reads("-" + std::string(kMaxIntegerDigits, '7')));
  EXPECT_FALSE(reads(std::string(kMaxIntegerDigits + 1, '7')));
  EXPECT_TRUE(reads(std::string(kMaxIntegerDigits + 1, '7') + ".0"));
}

TEST(PythonJson, KeepsTheLastOfEqualKeysAtTheFirstPlace) {
  const auto json = parse_python_json(R"({"a": 1, "b": 2, "\u0061": 3})");
  ASSERT_TRUE(json.value.has_value());
  ASSERT_EQ(json.value->members.size(), 2U);
  EXPECT_EQ(json.value->members[0].key, "a");
  EXPECT_EQ(json.value->members[0].value.text, "3");
  EXPECT_EQ(json.value->members[1].key, "b");
}

TEST(PythonJson, JoinsSurrogatePairsAndKeepsLoneOnes) {
  EXPECT_EQ(parse_python_json(R"("\ud83d\ude00")").value->text, "😀");
  EXPECT_EQ(parse_python_json(R"("\ud83dA")").value->text,
            "\xED\xA0\xBD"
            "A");
  EXPECT_EQ(parse_python_json(R"("\ud83d\ud83d\ude00")").value->text,
            "\xED\xA0\xBD"
            "😀");
  EXPECT_EQ(parse_python_json(R"("\ude00\ud83d")").value->text, "\xED\xB8\x80\xED\xA0\xBD");
}

TEST(PythonJson, RepairsBytesThatAreNotUtf8) {
  EXPECT_EQ(parse_python_json("\"a\xFFz\"").value->text, "a\uFFFDz");
}

TEST(PythonJson, KnowsItsLines) {
  const auto json = parse_python_json("[\n1,\n\n{\"a\": 2}]");
  EXPECT_EQ(json.value->items[0].line, 2U);
  EXPECT_EQ(json.value->items[1].line, 4U);
  EXPECT_EQ(parse_python_json("[\n1,\n{\"a\": ").line, 3U);
}

TEST(PythonJson, WritesStringsAsPython) {
  EXPECT_EQ(dump_python_string("é\"\\\n\x01\x7f/"), "\"é\\\"\\\\\\n\\u0001\x7f/\"");
}

}  // namespace
}  // namespace cogent::ner
