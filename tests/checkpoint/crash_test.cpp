#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "tests/checkpoint/small_model.hpp"
#include "tests/checkpoint/thread_communicator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cogent::distributed {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

// The wait status of the saver, run with this fault.
int run_saver(const fs::path& dir, const char* fault) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("COGENT_FAULT", fault, 1);
    ::execl(CKPT_SAVER, CKPT_SAVER, dir.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

class KilledAt : public ::testing::TestWithParam<const char*> {};

TEST_P(KilledAt, LeavesTheCheckpointBefore) {
  const ScratchFolder scratch;
  const int status = run_saver(scratch.path(), GetParam());
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_THAT(entries(scratch.path()), Contains("step-00000002.tmp"));
  EXPECT_EQ(find_step(scratch.path()), 1);
  SmallShards shards(0, 1);
  const auto self = make_self_communicator("self");
  CheckpointStore(scratch.path(), *self, 1).load(1, shards.targets());
  EXPECT_EQ(shards.differences(1), 0);

  const int again = run_saver(scratch.path(), "none:0");
  ASSERT_TRUE(WIFEXITED(again) && WEXITSTATUS(again) == 0) << again;
  EXPECT_EQ(find_step(scratch.path()), 3);
  EXPECT_THAT(entries(scratch.path()),
              ElementsAre("generation", "step-00000001", "step-00000002", "step-00000003"));
}

INSTANTIATE_TEST_SUITE_P(FaultPoints, KilledAt,
                         ::testing::Values("checkpoint.write:2", "checkpoint.rename:2"));

// Shards of 8 MB on each of two ranks: more than the small disks and limits below have room for.
std::vector<std::string> save_large(const fs::path& dir, std::int64_t step) {
  return run_ranks(2, [&](Communicator& learners) {
    CheckpointStore store(dir, learners, 5);
    const std::vector<float> values(2'000'000, 1.5f);
    const ShardPlace place{"w", {4'000'000}, learners.rank() * 2'000'000};
    store.save(small_state(step), {{ShardKind::kWeight, {{place, values}}}}, {});
  });
}

void expect_untouched(const fs::path& dir) {
  EXPECT_THAT(entries(dir), ElementsAre("generation", "step-00000001"));
  EXPECT_EQ(find_step(dir), 1);
}

TEST(DiskFull, IsNamedAndLeavesTheLastGoodCheckpoint) {
  const ScratchFolder scratch;
  if (::mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=6m") != 0) {
    GTEST_SKIP() << "mounting a small file system needs root; FileSizeLimit tests the same path";
  }
  ASSERT_THAT(save_steps(scratch.path(), 2, {1}), Each(""));
  EXPECT_THAT(save_large(scratch.path(), 2),
              Each(AllOf(HasSubstr("learner "), HasSubstr("No space left on device"))));
  expect_untouched(scratch.path());
  EXPECT_THAT(save_steps(scratch.path(), 2, {2}), Each(""));  // The room is there again.
  EXPECT_EQ(find_step(scratch.path()), 2);
  ::umount2(scratch.path().c_str(), MNT_DETACH);
}

// Fills the disk to every remainder from nothing to enough for the small checkpoint: wherever the
// failure falls (data, metadata, a text file, the manifest), the save fails or the checkpoint is
// good.
TEST(DiskFull, AtEveryAmountOfRoom) {
  const ScratchFolder scratch;
  if (::mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "mounting a small file system needs root; FileSizeLimit tests the same path";
  }
  int failures = 0;
  bool has_passed = false;
  for (int pages = 4; pages < 64; ++pages) {
    const std::string size = "size=" + std::to_string(pages * 4) + "k";
    ASSERT_EQ(::mount("tmpfs", scratch.path().c_str(), "tmpfs", MS_REMOUNT, size.c_str()), 0);
    fs::remove_all(scratch.path() / "run");
    const auto errors = save_steps(scratch.path() / "run", 2, {1});
    if (errors == std::vector<std::string>{"", ""}) {
      has_passed = true;
      EXPECT_TRUE(latest_checkpoint(scratch.path() / "run").has_value()) << size;
      break;
    }
    ++failures;
    EXPECT_THAT(errors, Each(HasSubstr("No space left on device"))) << size;
    EXPECT_FALSE(fs::exists(scratch.path() / "run" / "step-00000001")) << size;
  }
  EXPECT_GT(failures, 0);
  EXPECT_TRUE(has_passed);
  ::umount2(scratch.path().c_str(), MNT_DETACH);
}

TEST(FileSizeLimit, IsNamedAndLeavesTheLastGoodCheckpoint) {
  const ScratchFolder scratch;
  ASSERT_THAT(save_steps(scratch.path(), 2, {1}), Each(""));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1 << 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto errors = save_large(scratch.path(), 2);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(errors, Each(AllOf(HasSubstr("learner 0: "), HasSubstr("File too large"))));
  expect_untouched(scratch.path());
}

}  // namespace
}  // namespace cogent::distributed
