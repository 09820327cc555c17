#include "core/base/error.hpp"
#include "tests/checkpoint/small_model.hpp"
#include "tests/checkpoint/thread_communicator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>

namespace cogent::distributed {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CheckpointStore, NoFolderIsNoCheckpoint) {
  const ScratchFolder scratch;
  EXPECT_EQ(find_step(scratch.path() / "run" / "checkpoints"), -1);
  EXPECT_EQ(latest_checkpoint(scratch.path()), std::nullopt);
}

TEST(CheckpointStore, RoundTripKeepsEveryBit) {
  const ScratchFolder scratch;
  const auto self = make_self_communicator("self");
  CheckpointStore store(scratch.path(), *self, 2);
  std::vector<float> values = {0.0f,
                               -0.0f,
                               std::numeric_limits<float>::denorm_min(),
                               std::numeric_limits<float>::infinity(),
                               std::bit_cast<float>(0x7fc01234u),
                               1.0f / 3.0f};
  const ShardPlace place{"w", {2, 3}, 0};
  store.save(small_state(5), {{ShardKind::kWeight, {{place, values}}}}, small_files());
  std::vector<float> found(6, 1.0f);
  store.load(5, {{ShardKind::kWeight, {{place, found}}}});
  EXPECT_EQ(std::memcmp(values.data(), found.data(), 24), 0);
  const auto state = store.find_latest();
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(same_state(*state, small_state(5)));
  EXPECT_THAT(entries(scratch.path()), ElementsAre("generation", "step-00000005"));
  EXPECT_THAT(entries(scratch.path() / "step-00000005"),
              ElementsAre("config.json", "learner-0000.h5", "manifest.yaml", "tokenizer.json"));
}

TEST(CheckpointStore, AnyNumberOfLearnersLoadsAnyOther) {
  for (int writers = 1; writers <= 3; ++writers) {
    const ScratchFolder scratch;
    ASSERT_THAT(save_steps(scratch.path(), writers, {3}), Each(""));
    for (int readers = 1; readers <= 4; ++readers) {
      const auto errors = run_ranks(readers, [&](Communicator& learners) {
        CheckpointStore store(scratch.path(), learners, 1);
        const auto state = store.find_latest();
        check(state && same_state(*state, small_state(3)), ErrorCode::kUnexpected, "wrong state");
        SmallShards shards(learners.rank(), learners.size());
        store.load(3, shards.targets());
        check(shards.differences(3) == 0, ErrorCode::kUnexpected, "wrong values");
      });
      EXPECT_THAT(errors, Each("")) << writers << " to " << readers;
    }
  }
}

TEST(CheckpointStore, LoadOpensOnlyTheFilesItNeeds) {
  const ScratchFolder scratch;
  ASSERT_THAT(save_steps(scratch.path(), 2, {1}), Each(""));
  std::filesystem::remove(scratch.path() / "step-00000001" / "learner-0001.h5");
  const auto self = make_self_communicator("self");
  CheckpointStore store(scratch.path(), *self, 1);
  SmallShards first_half(0, 2);
  store.load(1, first_half.targets());
  EXPECT_EQ(first_half.differences(1), 0);
  SmallShards second_half(1, 2);
  EXPECT_THROW(store.load(1, second_half.targets()), Error);
}

std::string load_error(CheckpointStore& store, const ShardPlace& place, std::size_t count,
                       ShardKind kind = ShardKind::kWeight) {
  std::vector<float> values(count);
  try {
    store.load(1, {{kind, {{place, values}}}});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(CheckpointStore, LoadNamesWhatIsNotHeld) {
  const ScratchFolder scratch;
  const auto self = make_self_communicator("self");
  CheckpointStore store(scratch.path(), *self, 1);
  const std::vector<float> values(6);
  store.save(small_state(1), {{ShardKind::kWeight, {{{"w", {2, 3}, 0}, values}}}}, {});
  EXPECT_EQ(load_error(store, {"w", {2, 3}, 2}, 4), "");
  EXPECT_THAT(load_error(store, {"w", {2, 3}, 4}, 4), HasSubstr("values 6 to 8 of /weight/w"));
  EXPECT_THAT(load_error(store, {"w", {3, 2}, 0}, 6),
              AllOf(HasSubstr("2 x 3"), HasSubstr("3 x 2")));
  EXPECT_THAT(load_error(store, {"v", {6}, 0}, 6), HasSubstr("the parameter v"));
  EXPECT_THAT(load_error(store, {"w", {2, 3}, 0}, 6, ShardKind::kExpAvg),
              HasSubstr("values 0 to 6 of /exp_avg/w"));
}

std::string save_error(const std::vector<ShardView>& views,
                       const std::map<std::string, std::string>& files = {}) {
  const ScratchFolder scratch;
  const auto self = make_self_communicator("self");
  CheckpointStore store(scratch.path(), *self, 1);
  try {
    store.save(small_state(1), {{ShardKind::kWeight, views}}, files);
  } catch (const Error& error) {
    EXPECT_THAT(entries(scratch.path()), ElementsAre("generation"));
    return error.what();
  }
  return "";
}

TEST(CheckpointStore, SaveRefusesShardsThatAreNotTheParameter) {
  const std::vector<float> three(3);
  EXPECT_EQ(save_error({{{"w", {3}, 0}, three}}), "");
  EXPECT_THAT(save_error({{{"w", {4}, 0}, three}}), HasSubstr("no learner holds values 3 to 4"));
  EXPECT_THAT(save_error({{{"w", {4}, 1}, three}}), HasSubstr("no learner holds values 0 to 1"));
  EXPECT_THAT(save_error({{{"w", {2}, 0}, three}}), HasSubstr("3 values at 0"));
  EXPECT_THAT(save_error({{{"w", {3, 0}, 0}, three}}), HasSubstr("dimension of 0"));
  EXPECT_THAT(save_error({{{"a/b", {3}, 0}, three}}), HasSubstr("a/b"));
  EXPECT_THAT(save_error({{{"w", {3}, 0}, three}, {{"w", {3}, 0}, three}}), HasSubstr("/weight/w"));
  EXPECT_THAT(save_error({{{"w", {3}, 0}, three}}, {{"../x", ""}}), HasSubstr("../x"));
  EXPECT_THAT(save_error({{{"w", {3}, 0}, three}}, {{"manifest.yaml", ""}}),
              HasSubstr("manifest.yaml"));
}

TEST(CheckpointStore, OverlappingShardsOfTwoLearnersAreRefused) {
  const ScratchFolder scratch;
  const auto errors = run_ranks(2, [&](Communicator& learners) {
    CheckpointStore store(scratch.path(), learners, 1);
    const SmallShards everything(1, 0, 1);
    store.save(small_state(1), everything.views(), {});
  });
  EXPECT_THAT(errors, Each(AllOf(HasSubstr("learner 0: "), HasSubstr("shards overlap"))));
}

TEST(CheckpointStore, OneLearnersFailureIsEveryLearners) {
  const ScratchFolder scratch;
  ASSERT_THAT(save_steps(scratch.path(), 3, {1}), Each(""));
  const auto errors = run_ranks(3, [&](Communicator& learners) {
    CheckpointStore store(scratch.path(), learners, 1);
    const SmallShards shards(2, learners.rank(), 3);
    auto views = shards.views();
    if (learners.rank() == 1) {
      views[ShardKind::kExpAvg][0].place.offset = 1000;
    }
    store.save(small_state(2), views, {});
  });
  EXPECT_THAT(errors, Each(AllOf(HasSubstr("learner 1: "), HasSubstr("at 1000"))));
  EXPECT_THAT(entries(scratch.path()), ElementsAre("generation", "step-00000001"));
  EXPECT_EQ(find_step(scratch.path()), 1);
}

TEST(CheckpointStore, KeepsTheNewest) {
  const ScratchFolder scratch;
  ASSERT_THAT(save_steps(scratch.path(), 2, {1, 2, 3, 10}, 2), Each(""));
  EXPECT_THAT(entries(scratch.path()), ElementsAre("generation", "step-00000003", "step-00000010"));
  ASSERT_THAT(save_steps(scratch.path(), 2, {11}, 0), Each(""));
  EXPECT_THAT(entries(scratch.path()), ElementsAre("generation", "step-00000011"));
}

TEST(CheckpointStore, KeepsTheNamedStepsBesideTheNewest) {
  const ScratchFolder scratch;
  ASSERT_THAT(save_steps(scratch.path(), 1, {1, 2, 3, 4}), Each(""));
  const auto errors = run_ranks(2, [&](Communicator& learners) {
    CheckpointStore store(scratch.path(), learners, 2);
    const SmallShards shards(5, learners.rank(), 2);
    // Rank 0's count; 4 is among the newest anyway, and 9 does not exist.
    const std::vector<std::int64_t> kept = {2, 4, 9};
    store.save(small_state(5), shards.views(), {},
               learners.rank() == 0 ? kept : std::vector<std::int64_t>{1});
  });
  EXPECT_THAT(errors, Each(""));
  EXPECT_THAT(entries(scratch.path()),
              ElementsAre("generation", "step-00000002", "step-00000004", "step-00000005"));
  // What the next save does not name goes.
  ASSERT_THAT(save_steps(scratch.path(), 1, {6}, 1), Each(""));
  EXPECT_THAT(entries(scratch.path()), ElementsAre("generation", "step-00000006"));
}

TEST(CheckpointStore, AStepWrittenAgainReplacesTheOldOne) {
  const ScratchFolder scratch;
  ASSERT_THAT(save_steps(scratch.path(), 3, {4}), Each(""));
  ASSERT_THAT(save_steps(scratch.path(), 2, {4}), Each(""));
  EXPECT_THAT(entries(scratch.path()), ElementsAre("generation", "step-00000004"));
  EXPECT_THAT(entries(scratch.path() / "step-00000004"),
              ElementsAre("config.json", "learner-0000.h5", "learner-0001.h5", "manifest.yaml",
                          "tokenizer.json"));
  EXPECT_EQ(find_step(scratch.path()), 4);
}

TEST(CheckpointStore, AnEarlierStartNoLongerPublishes) {
  const ScratchFolder scratch;
  const auto self = make_self_communicator("self");
  CheckpointStore old_start(scratch.path(), *self, 3);
  const SmallShards shards(1, 0, 1);
  old_start.save(small_state(1), shards.views(), {});
  CheckpointStore new_start(scratch.path(), *self, 3);
  try {
    old_start.save(small_state(2), shards.views(), {});
    FAIL() << "the earlier start published";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCheckpoint);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("start 2 of"), HasSubstr("this is start 1")));
  }
  EXPECT_THAT(entries(scratch.path()), ElementsAre("generation", "step-00000001"));
  new_start.save(small_state(2), shards.views(), {});
  EXPECT_EQ(find_step(scratch.path()), 2);
}

TEST(CheckpointStore, ADamagedGenerationIsASentence) {
  const ScratchFolder scratch;
  ASSERT_THAT(save_steps(scratch.path(), 1, {1}), Each(""));
  std::filesystem::resize_file(scratch.path() / "generation", 0);
  EXPECT_THAT(find_error(scratch.path()), HasSubstr("does not hold a number"));
}

TEST(CheckpointStore, FindsACheckpointFromOutside) {
  const ScratchFolder scratch;
  ASSERT_THAT(save_steps(scratch.path() / "checkpoints", 2, {1, 2}), Each(""));
  const auto expected = scratch.path() / "checkpoints" / "step-00000002";
  EXPECT_EQ(latest_checkpoint(scratch.path()), expected);
  EXPECT_EQ(latest_checkpoint(scratch.path() / "checkpoints"), expected);
  const std::vector<std::int64_t> wanted = {7, 1, 2};
  EXPECT_EQ(first_valid_checkpoint(scratch.path() / "checkpoints", wanted),
            scratch.path() / "checkpoints" / "step-00000001");
  EXPECT_EQ(first_valid_checkpoint(scratch.path() / "checkpoints", std::span(wanted).first(1)),
            std::nullopt);
  EXPECT_TRUE(is_checkpoint(expected));
  EXPECT_FALSE(is_checkpoint(scratch.path()));
  EXPECT_TRUE(same_state(read_checkpoint_state(expected), small_state(2)));
  EXPECT_THROW(read_checkpoint_state(scratch.path()), Error);
}

}  // namespace
}  // namespace cogent::distributed
