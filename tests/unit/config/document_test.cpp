#include "tests/unit/config/config_testing.hpp"

#include <gmock/gmock.h>

namespace cogent::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string repeated(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += text;
  }
  return out;
}

TEST(ConfigDocument, SyntaxErrorsNameLineAndColumn) {
  EXPECT_THAT(parse_error("seed: 1\nrun: {dir: a\n"),
              AllOf(StartsWith("run.yaml:"), HasSubstr("not valid YAML")));
  EXPECT_THAT(parse_error("seed: 1\n\tb: 2\n"), StartsWith("run.yaml:2:"));
  EXPECT_THAT(parse_error("run: {dir: *nowhere}"), StartsWith("run.yaml:1:12: not valid YAML"));
}

// yaml-cpp alone would take the rest of the file as the text.
TEST(ConfigDocument, AnOpenQuoteIsAnError) {
  EXPECT_THAT(parse_error("run:\n  dir: \"out\nseed: 1\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(parse_error("run:\n  dir: 'out\nseed: 1"), HasSubstr("not valid YAML"));
  EXPECT_THAT(parse_error("", {"run.dir=\"out"}), HasSubstr("not valid YAML"));
}

TEST(ConfigDocument, OnlyOneMapOfKeys) {
  EXPECT_THAT(parse_error("seed: 1\n---\nseed: 2\n"), HasSubstr("behind its first YAML document"));
  EXPECT_THAT(parse_error("- seed\n"), HasSubstr("is a list, it must be a map"));
  EXPECT_THAT(parse_error("seed"), HasSubstr("'seed', it must be a map"));
  EXPECT_THAT(parse_error("[a, b]: 1"), HasSubstr("a key is a list"));
  EXPECT_THAT(parse_error(", a"), HasSubstr("behind its first YAML document"));
  EXPECT_THAT(parse_error("", {"run.dir=, a"}), HasSubstr("behind its first YAML document"));
  EXPECT_EQ(parse("---\nseed: 5\n...\n").seed, 5u);
  EXPECT_EQ(parse("\xef\xbb\xbfseed: 5\r\n").seed, 5u);
}

TEST(ConfigDocument, BytesThatAreNotText) {
  EXPECT_THAT(parse_error("seed: 1\nrun: {dir: a\x04}\n"),
              AllOf(StartsWith("run.yaml:2: byte 4 at offset 20"), HasSubstr("UTF-8")));
  EXPECT_THAT(parse_error(std::string("seed: 1\0", 8)), HasSubstr("byte 0"));
  for (const std::string bytes : {"\xff", "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80",
                                  "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x9f\x98"}) {
    EXPECT_THAT(parse_error("run: {dir: " + bytes + "}"), HasSubstr("is not UTF-8")) << bytes;
  }
  EXPECT_EQ(parse("run: {dir: \u00e9\u20ac\U0001F600}").run.dir, "\u00e9\u20ac\U0001F600");
  EXPECT_THAT(parse_error("run: {dir: \"a\\Nb\"}"), HasSubstr("run.dir has an escape"));
  EXPECT_THAT(parse_error("run: {dir: \"\\ud800\"}"), HasSubstr("not valid YAML"));
  EXPECT_THAT(parse_error(repeated("# comment\n", 200000)), HasSubstr("2000000 bytes"));
}

TEST(ConfigDocument, DeepNestingIsAnError) {
  for (const std::string_view opener : {"[", "{", "- ", "? ", "{a: ", "[a, ", "!t [", "&a ["}) {
    parse_error(repeated(opener, 10000));
    parse_error("data: {train: " + repeated(opener, 10000));
    parse_error("", {"data.train=" + repeated(opener, 10000)});
  }
  std::string stairs;
  for (int depth = 0; depth < 1000; ++depth) {
    stairs += std::string(depth, ' ') + "a:\n";
  }
  parse_error(stairs);
}

TEST(ConfigDocument, AliasesAreReadOnceAndNeverExpanded) {
  EXPECT_THAT(parse("data: {dev: &d [x, y], test: *d}").data.test, ElementsAre("x", "y"));
  std::string bomb = "data:\n  dev: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) {
    bomb += concat("b", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  }
  EXPECT_THAT(parse_error(bomb), HasSubstr("b1 is not a known key"));
  EXPECT_THAT(parse_error("data: {train: &a [x, *a]}"), HasSubstr("data.train is a list"));
  EXPECT_THAT(parse_error("data: &a {train: x, data: *a}"), HasSubstr("data.data"));
}

}  // namespace
}  // namespace cogent::testing
