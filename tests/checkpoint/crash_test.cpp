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
int run_saver(const fs::path& dir, const char* fault, const char* keep_last = "100") {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("COGENT_FAULT", fault, 1);
    ::execl(CKPT_SAVER, CKPT_SAVER, dir.c_str(), keep_last, nullptr);
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

TEST(KilledWhilePruning, LeavesTheNewestAndNoHalfOne) {
  const ScratchFolder scratch;
  const int status = run_saver(scratch.path(), "checkpoint.prune:2", "1");
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_THAT(entries(scratch.path()),
              ElementsAre("generation", "step-00000001.tmp", "step-00000002"));
  EXPECT_EQ(find_step(scratch.path()), 2);
  const int again = run_saver(scratch.path(), "none:0", "1");
  ASSERT_TRUE(WIFEXITED(again) && WEXITSTATUS(again) == 0) << again;
  EXPECT_THAT(entries(scratch.path()), ElementsAre("generation", "step-00000003"));
}

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

std::ptrdiff_t open_descriptors() {
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

// A small file system for a test's length. Where it cannot be mounted, is_mounted() says so.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size) { is_mounted_ = mount_with(size, 0); }
  ~SmallDisk() { ::umount2(scratch_.path().c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool is_mounted() const { return is_mounted_; }
  bool resize(const std::string& size) { return mount_with(size, MS_REMOUNT); }
  const fs::path& path() const { return scratch_.path(); }

 private:
  bool mount_with(const std::string& size, unsigned long flags) {
    return ::mount("tmpfs", scratch_.path().c_str(), "tmpfs", flags, ("size=" + size).c_str()) == 0;
  }

  ScratchFolder scratch_;
  bool is_mounted_ = false;
};

constexpr const char* kNeedsRoot =
    "mounting a small file system needs root; FileSizeLimit tests the same path";

TEST(DiskFull, IsNamedAndLeavesTheLastGoodCheckpoint) {
  const SmallDisk disk("6m");
  if (!disk.is_mounted()) {
    GTEST_SKIP() << kNeedsRoot;
  }
  ASSERT_THAT(save_steps(disk.path(), 2, {1}), Each(""));
  EXPECT_THAT(save_large(disk.path(), 2),
              Each(AllOf(HasSubstr("learner "), HasSubstr("No space left on device"))));
  expect_untouched(disk.path());
  EXPECT_THAT(save_steps(disk.path(), 2, {2}), Each(""));  // The room is there again.
  EXPECT_EQ(find_step(disk.path()), 2);
}

// Every amount of room from next to nothing to enough for the small checkpoint: wherever the
// failure falls (data, metadata, a text file, the manifest), the save fails or the checkpoint is
// good.
TEST(DiskFull, AtEveryAmountOfRoom) {
  SmallDisk disk("256k");
  if (!disk.is_mounted()) {
    GTEST_SKIP() << kNeedsRoot;
  }
  const fs::path run = disk.path() / "run";
  ASSERT_THAT(save_steps(run, 2, {1}), Each(""));
  const auto descriptors = open_descriptors();
  int failures = 0;
  for (int pages = 4; pages < 64; ++pages) {
    const std::string size = std::to_string(pages * 4) + "k";
    fs::remove_all(run);
    ASSERT_TRUE(disk.resize(size)) << size;
    const auto errors = save_steps(run, 2, {1});
    EXPECT_EQ(open_descriptors(), descriptors) << size;
    if (errors == std::vector<std::string>{"", ""}) {
      EXPECT_TRUE(latest_checkpoint(run).has_value()) << size;
      break;
    }
    ++failures;
    EXPECT_THAT(errors, Each(HasSubstr("No space left on device"))) << size;
    EXPECT_FALSE(fs::exists(run / "step-00000001")) << size;
  }
  EXPECT_GT(failures, 3);
  EXPECT_LT(failures, 50);
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
