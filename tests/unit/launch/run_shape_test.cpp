#include "launch/run_shape.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace cogent::launch {
namespace {

TEST(RunShape, StagesAreFoundByTheirNames) {
  for (const auto& [name, stage] : stages_by_name()) {
    EXPECT_EQ(stage_name(stage), name);
  }
  EXPECT_EQ(stages_by_name().at("sft"), Stage::kSft);
}

TEST(RunShape, RanksSitAsTheStageNeedsThem) {
  RunConfig config;
  config.cluster.learners = 1;
  config.cluster.workers = 2;
  const auto seats = [&](Stage stage) {
    const distributed::Topology topology = stage_topology(config, stage, 3);
    return std::pair(topology.learners(), topology.workers());
  };
  EXPECT_EQ(seats(Stage::kSft), std::pair(3, 0));
  EXPECT_EQ(seats(Stage::kGrpo), std::pair(1, 2));
  EXPECT_EQ(seats(Stage::kEvaluate), std::pair(3, 3));
  config.rollout.replay = "rollouts.jsonl";
  EXPECT_EQ(seats(Stage::kGrpo), std::pair(3, 0));
  EXPECT_EQ(seats(Stage::kEvaluate), std::pair(3, 3)) << "nothing is replayed there";
  config.rollout.replay.clear();
  config.cluster.placement = Placement::kColocated;
  EXPECT_EQ(seats(Stage::kGrpo), std::pair(3, 3));
}

TEST(RunShape, RanksShareTheCoresOfTheirHost) {
  RunConfig config;
  const auto threads = [&](int learners, int workers, int ranks, int on_host) {
    config.cluster.learners = learners;
    config.cluster.workers = workers;
    return rank_threads(config, stage_topology(config, Stage::kGrpo, ranks), ranks, on_host);
  };
  const int cores = threads(1, 1, 2, 1);
  EXPECT_EQ(threads(1, 1, 2, 2), cores) << "the two take turns";
  EXPECT_EQ(threads(2, 2, 4, 4), std::max(1, cores / 2));
  EXPECT_EQ(threads(2, 2, 4, 2), cores) << "two hosts";
  EXPECT_EQ(threads(2, 3, 5, 5), std::max(1, cores / 3));
  config.cluster.threads = 7;
  EXPECT_EQ(threads(2, 2, 4, 4), 7);
}

TEST(RunShape, StepsAreAskedForOrFollowFromEpochs) {
  TrainSettings train;
  train.epochs = 2.5;
  EXPECT_EQ(steps_of_run(train, 3), 8) << "the begun step counts";
  EXPECT_EQ(replayed_steps(train, 4), 4);
  train.steps = 7;
  EXPECT_EQ(steps_of_run(train, 3), 7);
  EXPECT_EQ(replayed_steps(train, 4), 4) << "recorded batches do not repeat";
  EXPECT_EQ(replayed_steps(train, 9), 7);
  RunConfig config;
  config.train.epochs = 1;
  config.rollout.prompts_per_step = 4;
  EXPECT_EQ(grpo_steps(config, 11), 2) << "the tail of an epoch is dropped";
}

TEST(RunShape, MoreStepsThanACounterHoldsAreRefused) {
  TrainSettings train;
  train.epochs = 1e6;
  EXPECT_EQ(steps_of_run(train, 2147), 2'147'000'000);
  try {
    steps_of_run(train, 2148);
    FAIL() << "steps past 32 bits are taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("2148"), std::string::npos) << error.what();
  }
}

TEST(RunShape, RefillsAreAsLargeAsAStepUnlessTheKeySaysOtherwise) {
  RunConfig config;
  config.rollout.prompts_per_step = 4;
  EXPECT_EQ(grpo_rows(config, 20, 0, 1).size(), 4u);
  config.grpo.refill_prompts = 6;
  const auto first = grpo_rows(config, 20, 0, 0);
  const auto second = grpo_rows(config, 20, 0, 1);
  EXPECT_EQ(first.size(), 4u);
  EXPECT_EQ(second.size(), 6u);
  EXPECT_EQ(std::ranges::find_first_of(first, second), first.end()) << "a row stands twice";
}

}  // namespace
}  // namespace cogent::launch
