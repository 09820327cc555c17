#include "core/base/error.hpp"
#include "distributed/session.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace cogent::distributed {
namespace {

TEST(SelfSession, IsAWorldOfOne) {
  ASSERT_FALSE(launched_by_mpi());
  Session session;
  EXPECT_EQ(session.rank(), 0);
  EXPECT_EQ(session.size(), 1);
  EXPECT_EQ(session.local_size(), 1);
  EXPECT_EQ(session.world().size(), 1);
  const std::vector<int> self = {0};
  EXPECT_EQ(session.communicator(self, "learners")->name(), "learners");
  EXPECT_EQ(session.communicator({}, "nobody"), nullptr);
  const std::vector<int> two = {0, 1};
  EXPECT_THROW(static_cast<void>(session.communicator(two, "two")), Error);
}

TEST(SelfSession, SendsToItself) {
  Session session;
  session.send(0, 3, {std::byte{1}});
  session.send(0, 3, {std::byte{2}});
  session.send(0, 4, {});
  EXPECT_TRUE(session.receive(0, 4).empty());
  EXPECT_EQ(session.receive(0, 3), std::vector{std::byte{1}});
  EXPECT_EQ(session.receive(0, 3), std::vector{std::byte{2}});
  std::thread later([&] { session.send(0, 5, {std::byte{9}}); });
  EXPECT_EQ(session.receive(0, 5), std::vector{std::byte{9}});
  later.join();
  EXPECT_THROW(session.send(1, 0, {}), Error);
}

TEST(SelfSession, RefusesLimitsOutOfRange) {
  EXPECT_THROW(Session({.deadline_seconds = 0}), Error);
  EXPECT_THROW(Session({.max_count = 0}), Error);
  EXPECT_THROW(Session({.max_count = std::int64_t{1} << 31}), Error);
}

TEST(SelfSession, RefusesSrunWithoutPmix) {
  setenv("SLURM_STEP_NUM_TASKS", "4", 1);
  EXPECT_THROW(Session(), Error);
  unsetenv("SLURM_STEP_NUM_TASKS");
}

TEST(SelfSessionDeathTest, AbortEndsTheProcessWithItsStatus) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(Session().abort(77), ::testing::ExitedWithCode(77), "");
}

}  // namespace
}  // namespace cogent::distributed
