#include "launch/tuned_prompt.hpp"

#include "core/base/error.hpp"
#include "core/config/config.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace cogent::launch {
namespace {

namespace fs = std::filesystem;

class TunedPrompt : public ::testing::Test {
 protected:
  TunedPrompt() {
    fs::remove_all(run_);
    fs::create_directories(checkpoint_);
    std::ofstream(checkpoint_ / "manifest.yaml") << "";
  }
  ~TunedPrompt() override { fs::remove_all(run_); }

  const fs::path run_ = fs::path(::testing::TempDir()) / "cogent_tuned_prompt_test";
  const fs::path checkpoint_ = run_ / "checkpoints" / "step-00000002";
};

TEST_F(TunedPrompt, IsThatOfTheRunFolder) {
  RunConfig config;
  config.prompt.template_file = "wording.txt";
  config.prompt.add_source = !config.prompt.add_source;
  config.prompt.cot = !config.prompt.cot;
  config.chat.format =
      config.chat.format == ChatTemplate::kOwn ? ChatTemplate::kReasoningNer : ChatTemplate::kOwn;
  config.rollout.group_size = 77;
  std::ofstream(run_ / "config.yaml") << to_yaml(config);
  for (const std::string& path : {checkpoint_.string(), checkpoint_.string() + "/"}) {
    const auto found = tuned_prompt(path);
    ASSERT_TRUE(found.has_value()) << path;
    EXPECT_EQ(found->prompt, config.prompt);
    EXPECT_EQ(found->chat, config.chat);
    EXPECT_EQ(found->rollout, RunConfig().rollout);
  }
}

TEST_F(TunedPrompt, IsUnknownElsewhere) {
  EXPECT_FALSE(tuned_prompt(checkpoint_.string()).has_value()) << "no config.yaml";
  std::ofstream(run_ / "config.yaml") << to_yaml(RunConfig());
  EXPECT_TRUE(tuned_prompt(checkpoint_.string()).has_value());
  EXPECT_FALSE(tuned_prompt("model.gguf").has_value());
  fs::remove(checkpoint_ / "manifest.yaml");
  EXPECT_FALSE(tuned_prompt(checkpoint_.string()).has_value()) << "no checkpoint";
}

}  // namespace
}  // namespace cogent::launch
