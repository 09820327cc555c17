#include "core/base/files.hpp"
#include "core/config/schema.hpp"
#include "tests/unit/config/config_testing.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <set>

namespace cogent::testing {
namespace {

using ::testing::HasSubstr;

using Random = std::mt19937_64;

std::string random_text(Random& random) {
  static const std::vector<std::string> kPieces = {
      "a",   "null", "~",      "\"",     "\\",     "'",          "\n",     "\t",     ": ",
      "#",   "- ",   "[",      "}",      "\x04",   "\x7f",       "\r\n",   " ",      "true",
      "1e3", "%",    "\u00e9", "\u0085", "\u2028", "\U0001F600", "\ufeff", "\n...\n"};
  std::string text;
  for (auto n = random() % 6; n > 0; --n) {
    text += kPieces[random() % kPieces.size()];
  }
  return text;
}

// A value of the key's range, other than the one that stands there for all but a few draws.
struct RandomValue {
  const Key& key;
  RunConfig& config;
  Random& random;

  double number() const {
    if (key.range.max <= 1e6) {
      return std::uniform_real_distribution<double>(key.range.min, key.range.max)(random);
    }
    const double scale = std::pow(10.0, std::uniform_real_distribution<double>(-300, 300)(random));
    return key.range.min > Range::kLowest ? key.range.min + scale : -scale;
  }
  void operator()(const Slot<bool>& slot) const { slot.at(config) = random() % 2 == 0; }
  template <typename T>
  requires std::is_integral_v<T>
  void operator()(const Slot<T>& slot) const {
    const double max = std::min(key.range.max, 9e18);
    slot.at(config) =
        key.name == "seed"
            ? static_cast<T>(random())
            : static_cast<T>(std::uniform_real_distribution<double>(
                  std::max(key.range.min, -9e18),
                  std::min(max, static_cast<double>(std::numeric_limits<T>::max())))(random));
  }
  void operator()(const Slot<double>& slot) const { slot.at(config) = number(); }
  void operator()(const Slot<std::string>& slot) const { slot.at(config) = random_text(random); }
  void operator()(const Slot<std::vector<std::string>>& slot) const {
    slot.at(config).clear();
    for (auto n = random() % 4; n > 0; --n) {
      slot.at(config).push_back(random_text(random));
    }
  }
  void operator()(const Slot<std::vector<double>>& slot) const {
    slot.at(config).clear();
    for (auto n = random() % 4; n > 0; --n) {
      slot.at(config).push_back(number());
    }
  }
  void operator()(const Choice& choice) const {
    choice.write(config, random() % choice.words.size());
  }
};

TEST(WriteConfig, YamlReadsBackToTheSameConfiguration) {
  EXPECT_EQ(parse(to_yaml(RunConfig())), RunConfig());
  Random random(1);
  for (int round = 0; round < 150; ++round) {
    RunConfig config;
    for (const Key& key : schema()) {
      std::visit(RandomValue{key, config, random}, key.field);
    }
    const std::string yaml = to_yaml(config);
    const RunConfig again = parse(yaml);
    ASSERT_EQ(again, config) << yaml;
    ASSERT_EQ(to_yaml(again), yaml);
  }
}

TEST(WriteConfig, EveryKeyChangesTheConfigurationAndArithmeticKeysTheDigest) {
  Random random(2);
  const RunConfig defaults;
  for (const Key& key : schema()) {
    RunConfig config;
    while (config == defaults) {
      std::visit(RandomValue{key, config, random}, key.field);
    }
    const bool arithmetic = key.key_class == KeyClass::kArithmetic;
    EXPECT_EQ(arithmetic_digest(config) != arithmetic_digest(defaults), arithmetic) << key.name;
    EXPECT_EQ(arithmetic_differences(defaults, config).starts_with(concat(key.name, " was ")),
              arithmetic)
        << key.name;
  }
}

TEST(WriteConfig, ClassesOfTheKeys) {
  std::set<std::string> operational;
  for (const Key& key : schema()) {
    if (key.key_class == KeyClass::kOperational) {
      operational.emplace(key.name);
    }
  }
  EXPECT_EQ(operational, (std::set<std::string>{"run.dir",
                                                "data.dev",
                                                "data.test",
                                                "cluster.learners",
                                                "cluster.workers",
                                                "cluster.placement",
                                                "cluster.threads",
                                                "cluster.deadline_seconds",
                                                "learner.shard",
                                                "learner.recompute",
                                                "learner.prefetch",
                                                "train.eval_every",
                                                "train.eval",
                                                "train.eval_limit",
                                                "rollout.draft_rows",
                                                "rollout.kv_cache_mb",
                                                "rollout.record",
                                                "rollout.replay",
                                                "evaluate.max_new_tokens",
                                                "evaluate.samples",
                                                "evaluate.temperature",
                                                "evaluate.batch",
                                                "reward.command_deadline_seconds",
                                                "annotate.input",
                                                "annotate.output",
                                                "annotate.rejected",
                                                "annotate.labels",
                                                "checkpoint.every_steps",
                                                "checkpoint.every_minutes",
                                                "checkpoint.keep_last",
                                                "checkpoint.keep_best"}));
}

TEST(WriteConfig, SectionsStandTogetherAndEveryKeyHasItsMeaning) {
  std::set<std::string_view> sections;
  std::set<std::string_view> names;
  std::string_view section;
  for (const Key& key : schema()) {
    if (key.section() != section) {
      section = key.section();
      EXPECT_TRUE(sections.insert(section).second) << section << " stands in two places";
    }
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_TRUE(key.meaning.ends_with('.')) << key.name;
  }
}

TEST(WriteConfig, KeysInYaml) {
  const std::string yaml = to_yaml(RunConfig());
  EXPECT_EQ(yaml.substr(0, yaml.find("model:")), "seed: 0\nnumerics: exact\nrun:\n  dir: \"\"\n");
  EXPECT_THAT(yaml, HasSubstr("\n  betas: [0.9, 0.999]\n"));
  EXPECT_THAT(yaml, HasSubstr("\n  lr: 2e-05\n"));
  EXPECT_THAT(yaml, HasSubstr("\n  loss: dr_grpo\n"));
  EXPECT_THAT(yaml, HasSubstr("\nchat:\n  template: reasoningner\n"));
  EXPECT_THAT(yaml, HasSubstr("\n  train: []\n"));
}

TEST(ExplainConfig, OneKeyOrASection) {
  const std::string text = explain_key("optimizer.warmup_ratio");
  EXPECT_THAT(text, HasSubstr("optimizer.warmup_ratio\n"));
  EXPECT_THAT(text, HasSubstr("a number, from 0 to 1; default 0.03; arithmetic"));
  EXPECT_THAT(explain_key("grpo.loss"),
              HasSubstr("one of grpo | dapo | dr_grpo | bnpo | token_sum_norm"));
  EXPECT_THAT(explain_key("checkpoint"), HasSubstr("checkpoint.keep_last\n"));
  EXPECT_THAT(explain_key("checkpoint"), ::testing::Not(HasSubstr("grpo.")));
  EXPECT_THAT(usage_error([] { explain_key("optimizer.lrr"); }), HasSubstr("is optimizer.lr "));
  EXPECT_THAT(usage_error([] { explain_key(""); }), HasSubstr("is not a known key"));
}

TEST(ExplainConfig, DocsConfigMdIsItsOutput) {
  const std::filesystem::path source = std::getenv("COGENT_SOURCE_DIR");
  EXPECT_EQ(read_file(source / "docs/config.md", ErrorCode::kData), explain_all_markdown())
      << "write it again: cogent config explain --all > docs/config.md";
}

}  // namespace
}  // namespace cogent::testing
