// The data sets beside the project, where they are present.

#include "core/base/error.hpp"
#include "core/data/reader.hpp"
#include "core/ner/annotate.hpp"
#include "core/ner/metric.hpp"
#include "core/ner/prompt.hpp"
#include "core/ner/reward.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

namespace cogent::data {
namespace {

namespace fs = std::filesystem;

// Sentences of the train split, as each set's own description counts them.
const std::map<std::string, std::size_t> kTrainSizes = {{"WNUT17", 3394}, {"CrossNER_AI", 100}};

TEST(SharedData, ReadsScoresAndAnnotates) {
  const char* source = std::getenv("COGENT_SOURCE_DIR");
  const fs::path folder = fs::path(source == nullptr ? "." : source) / ".." / "shared/data/NER";
  if (!fs::is_directory(folder)) {
    GTEST_SKIP() << "the data sets are not at ../shared/data/NER";
  }
  std::size_t sets = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto examples = read_examples(entry.path().string(), Split::kTrain);
    EXPECT_FALSE(examples.empty());
    const auto known = kTrainSizes.find(entry.path().filename().string());
    if (known != kTrainSizes.end()) {
      EXPECT_EQ(examples.size(), known->second);
    }
    std::size_t accepted = 0;
    for (const Example& example : examples) {
      // What gold data says about itself is worth the full reward.
      const auto completion = ner::render_completion("", example.entities);
      const auto reward = ner::ner_reward(example, completion, MetricRules::kCorrected);
      ASSERT_EQ(reward.f1, 1) << example.sentence;
      ASSERT_EQ(reward.parse, "ok");
      accepted += ner::annotate_with_rationale(example, {}, 1).rejection.has_value() ? 0 : 1;
    }
    // A few gold mentions are not substrings of their sentences.
    EXPECT_GT(accepted, examples.size() * 95 / 100) << entry.path();
    ++sets;
  }
  EXPECT_GT(sets, 0U);
}

}  // namespace
}  // namespace cogent::data
