#include "trainer/schedule.hpp"

#include <gtest/gtest.h>

namespace cogent::trainer {
namespace {

// transformers.get_cosine_schedule_with_warmup(num_warmup_steps=2, num_training_steps=10) and the
// linear one, at lr 1.
TEST(LearningRate, AgreesWithTransformers) {
  OptimizerSettings settings;
  settings.lr = 1;
  settings.warmup_ratio = 0.2;
  settings.schedule = Schedule::kCosine;
  const double cosine[] = {0,          0.5, 1,          0.96193977, 0.85355339,
                           0.69134172, 0.5, 0.30865828, 0.14644661, 0.03806023};
  for (int update = 0; update < 10; ++update) {
    EXPECT_NEAR(learning_rate(settings, update, 10), cosine[update], 1e-8) << update;
  }
  settings.schedule = Schedule::kLinear;
  const double linear[] = {0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125};
  for (int update = 0; update < 10; ++update) {
    EXPECT_NEAR(learning_rate(settings, update, 10), linear[update], 1e-12) << update;
  }
}

TEST(LearningRate, WithoutWarmUpTheFirstUpdateHasTheFullRate) {
  OptimizerSettings settings;
  settings.lr = 1e-3;
  settings.warmup_ratio = 0;
  for (const Schedule schedule : {Schedule::kCosine, Schedule::kLinear, Schedule::kConstant}) {
    settings.schedule = schedule;
    EXPECT_DOUBLE_EQ(learning_rate(settings, 0, 7), 1e-3);
  }
  EXPECT_DOUBLE_EQ(learning_rate(settings, 6, 7), 1e-3);
}

TEST(LearningRate, StaysWhereTheScheduleEnds) {
  OptimizerSettings settings;
  settings.lr = 1e-3;
  for (const Schedule schedule : {Schedule::kCosine, Schedule::kLinear}) {
    settings.schedule = schedule;
    for (const std::int64_t update : {7, 8, 14, 100}) {
      EXPECT_NEAR(learning_rate(settings, update, 7), 0, 1e-18) << update;
    }
  }
}

}  // namespace
}  // namespace cogent::trainer
