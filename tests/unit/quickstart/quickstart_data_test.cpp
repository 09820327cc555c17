// What configs/quickstart/README.md promises about its data.
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json_lines.hpp"

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace cogent {
namespace {

struct Entity {
  std::string text;
  std::string label;
};

struct Sample {
  std::string where;  // file and line, for messages
  std::string domain;
  std::string sentence;
  std::vector<std::string> schema;
  std::vector<Entity> entities;
  std::optional<std::string> cot;
};

using Labels = std::map<std::string, std::map<std::string, std::string>>;

std::filesystem::path data_folder() {
  const char* root = std::getenv("COGENT_SOURCE_DIR");
  check(root != nullptr, ErrorCode::kUsage,
        "COGENT_SOURCE_DIR is not set: run this test through ctest");
  return std::filesystem::path(root) / "configs" / "quickstart";
}

// Domain -> label -> description.
Labels read_labels() {
  const auto path = data_folder() / "labels.json";
  const auto root = parse_json_object(read_file(path, ErrorCode::kData), path.string());
  Labels labels;
  for (const auto& domain : root) {
    for (const auto& label : domain.value().as_object()) {
      labels[std::string(domain.key())][std::string(label.key())] =
          std::string(label.value().as_string());
    }
  }
  return labels;
}

std::vector<Sample> read_split(const std::string& split) {
  const auto path = data_folder() / (split + ".jsonl");
  std::ifstream stream(path);
  check(stream.is_open(), ErrorCode::kData, path.string(), " cannot be opened");
  JsonLineReader reader(stream, path.filename().string());
  std::vector<Sample> samples;
  while (const auto line = reader.next()) {
    const auto where = reader.where();
    Sample sample;
    sample.where = where;
    sample.domain = require_string(line->object, "dataset", where);
    sample.sentence = require_string(line->object, "sentence", where);
    sample.schema = require_strings(line->object, "schema", where);
    for (const auto& entity : require_array(line->object, "entities", where)) {
      sample.entities.push_back({require_string(entity.as_object(), "text", where),
                                 require_string(entity.as_object(), "label", where)});
    }
    sample.cot = find_string(line->object, "cot", where);
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::size_t word_count(const std::string& text) {
  std::istringstream words(text);
  return static_cast<std::size_t>(std::distance(std::istream_iterator<std::string>(words),
                                                std::istream_iterator<std::string>()));
}

// ASCII letters and digits in lower case, and every byte outside ASCII: two sentences that differ
// only in case, spaces or punctuation are the same.
std::string letters_of(const std::string& text) {
  std::string letters;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') {
      letters += static_cast<char>(c - 'A' + 'a');
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0) {
      letters += c;
    }
  }
  return letters;
}

bool is_letter(char c) {
  return !letters_of(std::string(1, c)).empty();
}

// Whether the mention stands in the text with no letter or digit right before or behind it.
bool has_mention(const std::string& text, const std::string& mention) {
  for (auto at = text.find(mention); at != std::string::npos; at = text.find(mention, at + 1)) {
    const auto end = at + mention.size();
    if ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end]))) {
      return true;
    }
  }
  return false;
}

std::set<std::pair<std::string, std::string>> mentions_of(const std::vector<Sample>& samples) {
  std::set<std::pair<std::string, std::string>> mentions;
  for (const auto& sample : samples) {
    for (const auto& entity : sample.entities) {
      mentions.emplace(letters_of(entity.text), entity.label);
    }
  }
  return mentions;
}

struct SplitExpectation {
  const char* name;
  std::size_t sentences;   // at least
  std::size_t per_domain;  // at least
};

void PrintTo(const SplitExpectation& expected, std::ostream* out) {
  *out << expected.name;
}

class QuickstartSplit : public testing::TestWithParam<SplitExpectation> {
 protected:
  const Labels labels_ = read_labels();
  const std::vector<Sample> samples_ = read_split(GetParam().name);
};

INSTANTIATE_TEST_SUITE_P(Splits, QuickstartSplit,
                         testing::Values(SplitExpectation{"train", 200, 40},
                                         SplitExpectation{"dev", 60, 12},
                                         SplitExpectation{"test", 60, 12}),
                         [](const auto& split) { return std::string(split.param.name); });

TEST_P(QuickstartSplit, HoldsEnoughSentencesOfEachDomain) {
  EXPECT_GE(samples_.size(), GetParam().sentences);
  std::map<std::string, std::size_t> per_domain;
  for (const auto& sample : samples_) {
    ++per_domain[sample.domain];
  }
  EXPECT_EQ(per_domain.size(), labels_.size());
  for (const auto& [domain, count] : per_domain) {
    EXPECT_GE(count, GetParam().per_domain) << domain;
  }
}

TEST_P(QuickstartSplit, SchemaIsTheDomainsLabels) {
  for (const auto& sample : samples_) {
    ASSERT_TRUE(labels_.contains(sample.domain)) << sample.where << ": " << sample.domain;
    std::vector<std::string> expected;
    for (const auto& [label, description] : labels_.at(sample.domain)) {
      expected.push_back(label);
    }
    EXPECT_EQ(sample.schema, expected) << sample.where;
  }
}

TEST_P(QuickstartSplit, SentencesAreShort) {
  for (const auto& sample : samples_) {
    EXPECT_THAT(word_count(sample.sentence), testing::AllOf(testing::Ge(10u), testing::Le(24u)))
        << sample.where << ": " << sample.sentence;
  }
}

TEST_P(QuickstartSplit, MentionsStandInTheSentenceAndLabelsInTheSchema) {
  for (const auto& sample : samples_) {
    EXPECT_LE(sample.entities.size(), 5u) << sample.where;
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& entity : sample.entities) {
      EXPECT_FALSE(letters_of(entity.text).empty()) << sample.where;
      EXPECT_TRUE(has_mention(sample.sentence, entity.text)) << sample.where << ": " << entity.text;
      EXPECT_THAT(sample.schema, testing::Contains(entity.label)) << sample.where;
      EXPECT_TRUE(seen.emplace(letters_of(entity.text), entity.label).second)
          << sample.where << " names twice: " << entity.text;
    }
  }
}

TEST_P(QuickstartSplit, FewSentencesHaveNoEntity) {
  const auto empty = std::count_if(samples_.begin(), samples_.end(),
                                   [](const Sample& sample) { return sample.entities.empty(); });
  EXPECT_GE(empty, 1);
  EXPECT_LE(static_cast<std::size_t>(empty) * 10, samples_.size());
}

TEST_P(QuickstartSplit, EveryLabelIsUsed) {
  std::set<std::pair<std::string, std::string>> used;
  for (const auto& sample : samples_) {
    for (const auto& entity : sample.entities) {
      used.emplace(sample.domain, entity.label);
    }
  }
  for (const auto& [domain, descriptions] : labels_) {
    for (const auto& [label, description] : descriptions) {
      EXPECT_TRUE(used.contains({domain, label})) << domain << ": " << label;
    }
  }
}

TEST(QuickstartData, HasFiveDomainsWithDescribedLabels) {
  const auto labels = read_labels();
  EXPECT_EQ(labels.size(), 5u);
  for (const auto& [domain, descriptions] : labels) {
    EXPECT_THAT(descriptions.size(), testing::AllOf(testing::Ge(4u), testing::Le(8u))) << domain;
    for (const auto& [label, description] : descriptions) {
      EXPECT_THAT(label, testing::MatchesRegex("[a-z]+( [a-z]+)?")) << domain;
      EXPECT_GE(word_count(description), 3u) << domain << ": " << label;
      EXPECT_EQ(description.find('\n'), std::string::npos) << domain << ": " << label;
    }
  }
}

TEST(QuickstartData, NoSentenceAppearsTwiceWithinOrAcrossSplits) {
  std::map<std::string, std::string> first_seen;
  for (const auto* split : {"train", "dev", "test"}) {
    for (const auto& sample : read_split(split)) {
      const auto [known, fresh] = first_seen.emplace(letters_of(sample.sentence), sample.where);
      EXPECT_TRUE(fresh) << sample.where << " repeats " << known->second;
    }
  }
}

TEST(QuickstartData, TestSplitSharesNoMentionWithTheOthers) {
  auto known = mentions_of(read_split("train"));
  known.merge(mentions_of(read_split("dev")));
  for (const auto& mention : mentions_of(read_split("test"))) {
    EXPECT_FALSE(known.contains(mention)) << mention.first << " as " << mention.second;
  }
}

TEST(QuickstartData, FortyTrainingSentencesHaveAChainOfThought) {
  std::map<std::string, int> chains_per_domain;
  for (const auto& sample : read_split("train")) {
    if (!sample.cot) {
      continue;
    }
    ++chains_per_domain[sample.domain];
    EXPECT_THAT(word_count(*sample.cot), testing::AllOf(testing::Ge(20u), testing::Le(50u)))
        << sample.where;
    EXPECT_EQ(sample.cot->find_first_of("{}[]<>\n"), std::string::npos) << sample.where;
    for (const auto& entity : sample.entities) {
      EXPECT_TRUE(has_mention(*sample.cot, entity.text)) << sample.where << ": " << entity.text;
    }
  }
  EXPECT_EQ(chains_per_domain.size(), 5u);
  for (const auto& [domain, chains] : chains_per_domain) {
    EXPECT_EQ(chains, 8) << domain;
  }
}

TEST(QuickstartData, OnlyTrainingSentencesHaveAChainOfThought) {
  for (const auto* split : {"dev", "test"}) {
    for (const auto& sample : read_split(split)) {
      EXPECT_FALSE(sample.cot.has_value()) << sample.where;
    }
  }
}

// The checks above lean on these two, so a slip in them would pass bad data.
TEST(QuickstartData, MentionIsFoundAtWordBordersOnly) {
  EXPECT_TRUE(has_mention("Moonlight on the Moon.", "Moon"));
  EXPECT_TRUE(has_mention("\"Tromsø\"", "Tromsø"));
  EXPECT_FALSE(has_mention("Moonlight", "Moon"));
  EXPECT_FALSE(has_mention("the moon", "Moon"));
  EXPECT_FALSE(has_mention("Bodø", "Bod"));
}

TEST(QuickstartData, LettersIgnoreCaseSpacesAndPunctuation) {
  EXPECT_EQ(letters_of("It's 4-4, Zuzana!"), letters_of("its 44 ZUZANA"));
  EXPECT_NE(letters_of("Høgås"), letters_of("Hogas"));
}

}  // namespace
}  // namespace cogent
