#include "distributed/topology.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace cogent::distributed {
namespace {

using ::testing::HasSubstr;

TEST(Topology, LearnersComeFirst) {
  const auto topology = Topology::separate(5, 2, 3);
  EXPECT_EQ(topology.learners(), 2);
  EXPECT_EQ(topology.workers(), 3);
  EXPECT_EQ(topology.seat(1).learner, 1);
  EXPECT_EQ(topology.seat(1).worker, -1);
  EXPECT_EQ(topology.seat(4).learner, -1);
  EXPECT_EQ(topology.seat(4).worker, 2);
  EXPECT_EQ(topology.worker_rank(0), 2);
}

TEST(Topology, AskedRolesMoveSeats) {
  using enum Role;
  const auto topology = Topology::separate(5, 2, 3, {kWorker, kAuto, kLearner, kAuto, kWorker});
  EXPECT_EQ(topology.learner_rank(0), 2);
  EXPECT_EQ(topology.learner_rank(1), 1);
  EXPECT_EQ(topology.worker_rank(0), 0);
  EXPECT_EQ(topology.worker_rank(1), 4);
  EXPECT_EQ(topology.worker_rank(2), 3);
  EXPECT_EQ(topology.seat(3).worker, 2);
}

TEST(Topology, ColocatedRanksAreBoth) {
  const auto topology = Topology::colocated(3);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(topology.seat(rank).learner, rank);
    EXPECT_EQ(topology.seat(rank).worker, rank);
  }
}

TEST(Topology, LearnersOnlyHaveNoWorkers) {
  const auto topology = Topology::learners_only(2);
  EXPECT_EQ(topology.learners(), 2);
  EXPECT_EQ(topology.workers(), 0);
}

TEST(Topology, PromptsAreDealtInTurn) {
  const auto topology = Topology::separate(5, 2, 3);
  EXPECT_EQ(topology.worker_of_prompt(7), 1);
  EXPECT_EQ(topology.learner_of_prompt(7), 1);
  EXPECT_EQ(topology.worker_of_prompt(std::int64_t{3} << 40), 0);
}

void expect_usage(const std::function<void()>& call, const std::string& first,
                  const std::string& second) {
  try {
    call();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr(first));
    EXPECT_THAT(error.what(), HasSubstr(second));
  }
}

TEST(Topology, CountsThatDoNotFitAreSentences) {
  using enum Role;
  expect_usage([] { Topology::separate(4, 2, 3); }, "5 ranks", "4 were started");
  expect_usage([] { Topology::separate(1, 1, 0); }, "workers is 0", "at least 1");
  expect_usage(
      [] {
        Topology::separate(2, 1, 1, {kLearner, kLearner});
      },
      "2 ranks ask", "learners is 1");
  expect_usage(
      [] {
        Topology::separate(2, 1, 1, {kWorker, kWorker});
      },
      "2 ranks ask", "workers is 1");
  expect_usage([] { Topology::separate(2, 1, 1, {kWorker}); }, "1 roles", "2 ranks");
  expect_usage([] { Topology::learners_only(0); }, "0 ranks", "1");
}

}  // namespace
}  // namespace cogent::distributed
