#include "core/text/regex.hpp"

#include "tests/unit/text/text_fixtures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cogent::text {
namespace {

std::vector<std::string> matches(const std::string& pattern, const std::string& text) {
  std::vector<std::string> found;
  for (const Match& match : Regex(pattern).find_all(text)) {
    found.push_back(text.substr(match.begin, match.end - match.begin));
  }
  return found;
}

using testing::ElementsAre;

TEST(Regex, WhiteSpaceIsUnicodes) {
  EXPECT_THAT(matches(R"(\s+)", "a\u00a0\u3000b\u180ec\x1c"), ElementsAre("\u00a0\u3000"));
  EXPECT_THAT(matches(R"([^\S]+)", "a\u00a0\u180e"), ElementsAre("\u00a0"));
  EXPECT_THAT(matches(R"(\S+)", " \u180e "), ElementsAre("\u180e"));
}

TEST(Regex, KnowsLettersAndDigitsOfUnicode16) {
  EXPECT_THAT(matches(R"(\p{L}+)", "-\U00010D50\ua7cb-"), ElementsAre("\U00010D50\ua7cb"));
  EXPECT_THAT(matches(R"([^\p{L}]+)", "-\U00010D50"), ElementsAre("-"));
  EXPECT_THAT(matches(R"(\P{L}+)", "-\U00010D50"), ElementsAre("-"));
  EXPECT_THAT(matches(R"(\p{^L}+)", "-\U00010D50"), ElementsAre("-"));
  EXPECT_THAT(matches(R"(\d+)", "1\U00010D40x"), ElementsAre("1\U00010D40"));
}

TEST(Regex, IgnoresCaseByUnicode) {
  EXPECT_THAT(matches("(?i:'s)", "'S'\u017f"), ElementsAre("'S", "'\u017f"));
}

TEST(Regex, EmptyMatchesMoveOn) {
  EXPECT_THAT(matches("x*", "axb"), ElementsAre("", "x", ""));
}

TEST(Regex, LiteralsAreNotExpressions) {
  EXPECT_EQ(Regex::literal("a.b[").find_all("axb[ a.b[").size(), 1u);
}

TEST(Regex, LinesEndAtNewlines) {
  EXPECT_THAT(matches("^.+$", "a\nb\rc"), ElementsAre("a", "b\rc"));
}

TEST(Regex, NamesWhatIsNotSupported) {
  EXPECT_THAT(model_error([] { Regex("[a&&b]"); }), testing::HasSubstr("intersection"));
  EXPECT_THAT(model_error([] { Regex("[a[b]]"); }), testing::HasSubstr("set inside"));
  EXPECT_THAT(model_error([] { Regex("(a"); }), testing::HasSubstr("(a"));
  EXPECT_THAT(model_error([] { Regex("a\\"); }), testing::HasSubstr("backslash"));
}

TEST(Regex, EndsWhereBacktrackingExplodes) {
  const Regex regex("(a+)+\\d");
  EXPECT_THAT(model_error([&] { regex.find_all(std::string(60, 'a')); }),
              testing::HasSubstr("(a+)+"));
}

}  // namespace
}  // namespace cogent::text
