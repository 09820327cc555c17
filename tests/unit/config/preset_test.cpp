#include "core/base/files.hpp"
#include "core/config/presets.hpp"
#include "core/config/schema.hpp"
#include "tests/unit/config/config_testing.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <set>

namespace cogent::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Presets, AreTheFilesOfTheirFolder) {
  const std::filesystem::path folder =
      std::filesystem::path(std::getenv("COGENT_SOURCE_DIR")) / "configs/presets";
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.insert(entry.path().stem().string());
  }
  std::set<std::string> names;
  for (const Preset& preset : presets()) {
    names.emplace(preset.name);
    EXPECT_EQ(preset.yaml,
              read_file(folder / (std::string(preset.name) + ".yaml"), ErrorCode::kData));
  }
  EXPECT_EQ(names, files);
  EXPECT_EQ(names, (std::set<std::string>{"reasoningner", "reasoningner_verl", "dapo", "dr_grpo",
                                          "gspo", "cispo"}));
}

// A preset is plain YAML: read as a file it gives what its name gives, and every stage that it is
// for accepts it.
TEST(Presets, AreConfigurations) {
  for (const Preset& preset : presets()) {
    const std::string name(preset.name);
    const RunConfig config = parse("preset: " + name);
    EXPECT_EQ(config, parse(std::string(preset.yaml))) << name;
    EXPECT_EQ(config, parse("", {"preset=" + name})) << name;
    EXPECT_EQ(config, parse(to_yaml(config))) << name;
    EXPECT_TRUE(preset.yaml.starts_with("# ")) << name;
    validate_config(parse("preset: " + name +
                          "\nrun: {dir: out}\nmodel: {path: m}\n"
                          "data: {train: t}\n"),
                    Stage::kGrpo, 2);
  }
}

TEST(Presets, OwnKeysStandAboveThemWhereverTheyAre) {
  const RunConfig config =
      parse("grpo: {clip_low: 0.5}\npreset: gspo\n", {"grpo.clip_high=0.25", "seed=4"});
  EXPECT_EQ(config.grpo.ratio, RatioLevel::kSequence);
  EXPECT_DOUBLE_EQ(config.grpo.clip_low, 0.5);
  EXPECT_DOUBLE_EQ(config.grpo.clip_high, 0.25);
  EXPECT_EQ(config.seed, 4u);
  const RunConfig replaced = parse("preset: gspo\ngrpo: {clip_low: 0.5}\n", {"preset=dr_grpo"});
  EXPECT_EQ(replaced.grpo.ratio, RatioLevel::kToken);
  EXPECT_EQ(replaced.grpo.scale_rewards, ScaleRewards::kNone);
  EXPECT_DOUBLE_EQ(replaced.grpo.clip_low, 0.5);
  EXPECT_EQ(parse("preset: gspo", {"preset="}), RunConfig()) << "an empty one is none";
}

TEST(Presets, UnknownOnesNameTheNearest) {
  EXPECT_THAT(parse_error("seed: 1\npreset: dr-grpo\n"),
              AllOf(StartsWith("run.yaml:2: preset is 'dr-grpo'"), HasSubstr("one is dr_grpo "),
                    HasSubstr("cogent config presets")));
  EXPECT_THAT(parse_error("", {"preset=reasoning"}),
              AllOf(HasSubstr("override 'preset=reasoning'"), HasSubstr("one is reasoningner ")));
  EXPECT_THAT(parse_error("preset: [dapo]"), StartsWith("run.yaml:1: preset is a list"));
  EXPECT_THAT(parse_error("presets: dapo"), HasSubstr("nearest one is preset "));
  EXPECT_THAT(parse_error("preset: dapo\npreset: gspo\n"), HasSubstr("preset stands twice"));
}

TEST(Presets, DapoAloneSamplesInRounds) {
  for (const Preset& preset : presets()) {
    EXPECT_EQ(parse("preset: " + std::string(preset.name)).grpo.dynamic_sampling,
              preset.name == "dapo")
        << preset.name;
  }
}

// The recipe's figures: arXiv 2511.11978 and its code.
TEST(Presets, TheMethodsOwn) {
  const RunConfig config = parse("preset: reasoningner");
  EXPECT_EQ(config.grpo.loss, LossType::kDrGrpo);
  EXPECT_EQ(config.grpo.scale_rewards, ScaleRewards::kGroup);
  EXPECT_DOUBLE_EQ(config.grpo.clip_high, 0.28);
  EXPECT_DOUBLE_EQ(config.grpo.beta, 0.04);
  EXPECT_EQ(config.grpo.num_iterations, 4);
  EXPECT_EQ(config.rollout.prompts_per_step * config.rollout.group_size, 384);
  EXPECT_DOUBLE_EQ(config.optimizer.lr, 1e-6);
  EXPECT_DOUBLE_EQ(config.reward.f1, 10);
  const RunConfig verl = parse("preset: reasoningner_verl");
  EXPECT_EQ(verl.grpo.loss, LossType::kDapo);
  EXPECT_DOUBLE_EQ(verl.grpo.delta, 3);
  EXPECT_DOUBLE_EQ(verl.grpo.scale_eps, 1e-6);
  EXPECT_EQ(verl.rollout.prompts_per_step / verl.grpo.mini_batch_prompts, 4);
  EXPECT_DOUBLE_EQ(verl.reward.schema, 0);
}

}  // namespace
}  // namespace cogent::testing
