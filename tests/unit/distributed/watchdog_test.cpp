#include "distributed/watchdog.hpp"

#include "distributed/session.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

namespace cogent::distributed {
namespace {

using namespace std::chrono_literals;

TEST(Watchdog, LeavesCallsInTimeAlone) {
  std::atomic<int> status = 0;
  Watchdog watchdog(0.2, 0, [&](int code) { status = code; });
  for (int i = 0; i < 30; ++i) {
    const auto watch = watchdog.watch({"world", "barrier", "quick", i, 0});
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(status, 0);
}

TEST(Watchdog, EndsTheJobOfACallThatMissesItsDeadline) {
  std::atomic<int> status = 0;
  std::atomic<bool> told = false;
  Watchdog watchdog(0.05, 3, [&](int code) { status = code; });
  const auto in_time = watchdog.watch({"world", "barrier", "quick", 1, 0});
  const auto late = watchdog.watch({"world", "all_reduce", "late", 2, 10}, [&] { told = true; });
  for (int i = 0; i < 1000 && !told; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_TRUE(told);
  EXPECT_EQ(status, 6);
}

TEST(WatchdogDeathTest, NamesRankAndCall) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto miss = [] {
    Session session({.deadline_seconds = 0.1});
    const auto watch =
        session.watchdog().watch({"learners", "reduce_scatter", "gradients of block 3", 17, 576});
    std::this_thread::sleep_for(20s);
  };
  EXPECT_EXIT(miss(), ::testing::ExitedWithCode(6),
              "rank 0: reduce_scatter 17 \"gradients of block 3\" .576 values. of communicator "
              "learners is not done after");
}

}  // namespace
}  // namespace cogent::distributed
