#include "core/ner/normalise.hpp"

#include "core/ner/schema.hpp"
#include "core/ner/unicode.hpp"

#include <gtest/gtest.h>

namespace cogent::ner {
namespace {

TEST(Normalise, GoesThroughItsStepsInOrder) {
  EXPECT_EQ(normalise_mention("  The  Rolling-Stones' "), "rollingstones");
  EXPECT_EQ(normalise_mention("A Tale of the Tub"), "tale of tub");
  // Punctuation goes before articles: what it held apart becomes one word, or an article.
  EXPECT_EQ(normalise_mention("a-b"), "ab");
  EXPECT_EQ(normalise_mention("t.h.e cat"), "cat");
  EXPECT_EQ(normalise_mention("#the_"), "");
}

TEST(Normalise, HasPythonsWordBorders) {
  EXPECT_EQ(normalise_mention("théâtre the"), "théâtre");
  EXPECT_EQ(normalise_mention("the日本"), "the日本");
  EXPECT_EQ(normalise_mention("a\u0301"), "\u0301");  // A combining mark is no word character.
}

TEST(Normalise, LowersFinalSigma) {
  EXPECT_EQ(normalise_label(" ΟΔΥΣΣΕΥΣ "), "οδυσσευς");
  EXPECT_EQ(normalise_label("Σ"), "σ");
  EXPECT_EQ(normalise_label("ΑΣ\u0301Α"), "ασ\u0301α");
  EXPECT_EQ(normalise_label("İ"), "i\u0307");
}

TEST(Normalise, KeepsLoneSurrogates) {
  const std::string lone = "\xED\xA0\xBD";
  EXPECT_EQ(normalise_mention(lone + "." + "\xED\xB8\x80"), lone + "\xED\xB8\x80");
  EXPECT_EQ(code_points(lone), std::u32string(1, 0xD83D));
  EXPECT_EQ(repair_utf8(lone), "\uFFFD\uFFFD\uFFFD");
}

TEST(Schema, DropsWhatNamesNoTypeAndSorts) {
  const std::vector<std::string> labels = {"Person", "MISC", " n a ", "else", "",       "nan",
                                           "other",  "NA",   "award", "Zoo",  "person "};
  EXPECT_EQ(normalise_schema(labels), (std::vector<std::string>{"award", "person", "zoo"}));
  EXPECT_TRUE(is_dropped_label("na"));
  EXPECT_FALSE(is_dropped_label("others"));
}

TEST(Schema, DropsGoldOfDroppedLabels) {
  const std::vector<Mention> given = {{" Rome ", "Location"}, {"x", "Misc"}};
  EXPECT_EQ(clean_gold(given), (std::vector<Mention>{{"Rome", "location"}}));
  EXPECT_EQ(clean_mentions(given).size(), 2U);
}

}  // namespace
}  // namespace cogent::ner
