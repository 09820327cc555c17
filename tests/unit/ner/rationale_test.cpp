#include "core/ner/rationale.hpp"

#include "core/ner/candidates.hpp"
#include "core/ner/gates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace cogent::ner {
namespace {

using testing::HasSubstr;

Example example(std::uint32_t row = 0) {
  Example made;
  made.row = row;
  made.sentence =
      "Last May, Ann Berg left Novatek for the University of Oslo, where 40 Danes taught.";
  made.schema = {"person", "university", "city", "award"};
  made.entities = {{"Ann Berg", "person"}, {"University of Oslo", "university"}};
  return made;
}

const LabelDescriptions kDescriptions = {{"person", "A human being who is named."},
                                         {"university", "An institution of higher education."}};

int words(const std::string& text) {
  std::istringstream stream(text);
  int count = 0;
  for (std::string word; stream >> word;) {
    ++count;
  }
  return count;
}

TEST(Rationale, IsAFunctionOfItsArguments) {
  EXPECT_EQ(write_rationale(example(), kDescriptions, 1),
            write_rationale(example(), kDescriptions, 1));
  EXPECT_NE(write_rationale(example(), kDescriptions, 1),
            write_rationale(example(), kDescriptions, 2));
}

TEST(Rationale, MentionsEntitiesAndDecoysWithinItsLength) {
  for (std::uint32_t row = 0; row < 200; ++row) {
    const std::string chain = write_rationale(example(row), kDescriptions, 7);
    EXPECT_THAT(chain, HasSubstr("Ann Berg"));
    EXPECT_THAT(chain, HasSubstr("University of Oslo"));
    EXPECT_THAT(chain, testing::AnyOf(HasSubstr("Novatek"), HasSubstr("Danes"), HasSubstr("May")));
    EXPECT_GE(words(chain), kMinRationaleWords) << chain;
    EXPECT_LE(words(chain), kMaxRationaleWords) << chain;
    EXPECT_EQ(chain.find('{'), std::string::npos) << chain;
    EXPECT_EQ(coverage_gate(chain, example().entities), std::nullopt);
  }
}

TEST(Rationale, VariesItsWording) {
  std::set<std::string> chains;
  for (std::uint32_t row = 0; row < 100; ++row) {
    chains.insert(write_rationale(example(row), kDescriptions, 7));
  }
  EXPECT_GT(chains.size(), 95U);
}

TEST(Rationale, HoldsItsLengthAtTheEdges) {
  Example bare;
  bare.sentence = "ok";
  EXPECT_GE(words(write_rationale(bare, {}, 1)), kMinRationaleWords);
  Example crowded;
  crowded.schema = {"person"};
  for (const char* name : {"Ada", "Bo", "Cy", "Di", "Ed", "Flo", "Gus", "Hal", "Ida", "Jo"}) {
    crowded.sentence += std::string(name) + " Smith met ";
    crowded.entities.push_back({std::string(name) + " Smith", "person"});
  }
  const std::string chain = write_rationale(crowded, kDescriptions, 1);
  EXPECT_LE(words(chain), kMaxRationaleWords) << chain;
  EXPECT_EQ(coverage_gate(chain, crowded.entities), std::nullopt);
}

TEST(Candidates, FindsDecoysBesideTheGold) {
  std::vector<std::string> texts;
  for (const Candidate& candidate : find_candidates(example())) {
    texts.push_back(candidate.text);
  }
  EXPECT_THAT(texts,
              testing::ElementsAre("Last May", "Ann Berg", "Novatek", "University of Oslo", "40"));
}

TEST(Candidates, FallsBackOnPlainWords) {
  Example plain;
  plain.sentence = "the committee met in silence";
  const auto candidates = find_candidates(plain);
  ASSERT_EQ(candidates.size(), 2U);
  EXPECT_EQ(candidates[0].text, "committee");
  EXPECT_EQ(candidates[0].look, Candidate::Look::kWord);
}

}  // namespace
}  // namespace cogent::ner
