#include "rollout/schedule.hpp"

#include "core/base/error.hpp"
#include "tests/unit/rollout/schedule_testing.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace cogent::rollout {
namespace {

using namespace testing;

// Prompts of 1 to 100 tokens, groups of 1 to 5, budgets of 1 to 70 tokens.
std::vector<RolloutRequest> mixed_requests() {
  std::vector<RolloutRequest> requests;
  for (std::uint32_t i = 0; i < 12; ++i) {
    RolloutRequest& request = requests.emplace_back();
    request.group_size = 1 + i % 5;
    for (std::uint32_t t = 0; t < 1 + 9 * i; ++t) {
      request.prompt_ids.push_back(static_cast<std::int32_t>(1 + (7 * i + t) % 3));
    }
    request.sampling.max_new_tokens = i == 5 ? 1 : static_cast<std::int32_t>(20 + 25 * (i % 3));
    request.sampling.stop_ids = {kEnd};
  }
  return requests;
}

void expect_equal(const std::vector<RolloutGroup>& groups,
                  const std::vector<RolloutGroup>& expected) {
  ASSERT_EQ(groups.size(), expected.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    ASSERT_EQ(groups[i].completions.size(), expected[i].completions.size());
    for (std::size_t j = 0; j < groups[i].completions.size(); ++j) {
      EXPECT_EQ(groups[i].completions[j].ids, expected[i].completions[j].ids) << i << ' ' << j;
      EXPECT_EQ(groups[i].completions[j].finish, expected[i].completions[j].finish);
    }
  }
}

std::int64_t prompt_rows(const std::vector<RolloutRequest>& requests) {
  return std::accumulate(requests.begin(), requests.end(), std::int64_t{0},
                         [](std::int64_t rows, const RolloutRequest& request) {
                           return rows + static_cast<std::int64_t>(request.prompt_ids.size());
                         });
}

TEST(Schedule, DrawsTheTokensOfPlainDecodingWhateverTheLimits) {
  const auto requests = mixed_requests();
  const auto expected = plain_completions(requests);
  std::int64_t accepted = 0;
  for (const std::int64_t slots : {1, 3, 8, 100}) {
    for (const std::int64_t chunk : {1, 7, 64, 4096}) {
      for (const std::int64_t draft_rows : {0, 24}) {
        SCOPED_TRACE(::testing::Message() << slots << " slots, " << chunk << " prompt rows, "
                                          << draft_rows << " draft rows");
        const Course course =
            run_schedule(requests, {slots, chunk, draft_rows}, ample_pages(requests));
        expect_equal(course.groups, expected);
        EXPECT_EQ(course.preemptions, 0);
        EXPECT_EQ(course.prefill_rows, prompt_rows(requests)) << "each prompt is computed once";
        EXPECT_LE(course.most_prefill, chunk);
        accepted += course.accepted;
      }
    }
  }
  EXPECT_GT(accepted, 100) << "hardly a draft was right: the test shows little";
}

TEST(Schedule, PreemptionChangesNoToken) {
  auto requests = mixed_requests();
  for (std::size_t i = 0; i < requests.size(); i += 2) {
    requests[i].sampling.stop_ids.clear();  // some outgrow their pages
  }
  const auto expected = plain_completions(requests);
  std::int64_t preemptions = 0;
  for (const std::int64_t slots : {2, 8, 100}) {
    for (const std::int64_t chunk : {1, 7, 4096}) {
      for (const std::int64_t draft_rows : {0, 24}) {
        for (const std::int64_t more : {0, 1, 3, 10}) {
          SCOPED_TRACE(::testing::Message()
                       << slots << " slots, " << chunk << " prompt rows, " << draft_rows
                       << " draft rows, " << more << " pages more than one completion takes");
          const Course course =
              run_schedule(requests, {slots, chunk, draft_rows}, least_pages(requests) + more);
          expect_equal(course.groups, expected);
          preemptions += course.preemptions;
        }
      }
    }
  }
  EXPECT_GT(preemptions, 100);
}

TEST(Schedule, RandomRequestsComeToTheirEndWhateverTheLimits) {
  std::mt19937 random(3);
  const auto from = [&](std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random() % static_cast<unsigned>(most - least + 1));
  };
  std::int64_t preemptions = 0;
  for (int round = 0; round < 400 && !::testing::Test::HasFailure(); ++round) {
    std::vector<RolloutRequest> requests(static_cast<std::size_t>(from(1, 8)));
    for (RolloutRequest& request : requests) {
      request.group_size = static_cast<std::uint32_t>(from(1, 6));
      for (std::int64_t t = from(1, 60); t > 0; --t) {
        request.prompt_ids.push_back(static_cast<std::int32_t>(from(1, 2)));
      }
      request.sampling.max_new_tokens = static_cast<std::int32_t>(from(1, 80));
      if (from(0, 3) > 0) {
        request.sampling.stop_ids = {kEnd};
      }
    }
    const ScheduleLimits limits{from(1, 20), from(1, 40), from(0, 1) * 40};
    const Course course = run_schedule(requests, limits, least_pages(requests) + from(0, 12));
    expect_equal(course.groups, plain_completions(requests));
    preemptions += course.preemptions;
  }
  EXPECT_GT(preemptions, 400);
}

// Long completions that all begin together outgrow the pages that were free when they began.
TEST(Schedule, PreemptsTheSequenceAdmittedLast) {
  std::vector<RolloutRequest> requests(1);
  requests.front().group_size = 6;
  requests.front().prompt_ids = std::vector<std::int32_t>(20, 1);
  requests.front().sampling.max_new_tokens = 64;
  const auto expected = plain_completions(requests);
  const Course ample = run_schedule(requests, {6, 64, 0}, ample_pages(requests));
  const Course tight = run_schedule(requests, {6, 64, 0}, least_pages(requests) + 8);
  expect_equal(tight.groups, expected);
  EXPECT_EQ(ample.preemptions, 0);
  EXPECT_EQ(ample.steps, 64);
  EXPECT_GT(tight.preemptions, 0);
  EXPECT_EQ(static_cast<std::int64_t>(tight.preempted.size()), tight.preemptions);
  for (const Preempted& preempted : tight.preempted) {
    EXPECT_TRUE(preempted.admitted_last) << "completion " << preempted.index;
    EXPECT_NE(preempted.index, 0U) << "the oldest goes on to its end";
  }
  EXPECT_GT(tight.prefill_rows, ample.prefill_rows) << "preempted rows are computed again";
  EXPECT_EQ(tight.most_sequences, 6) << "nobody was kept out who might have ended early";
  EXPECT_LT(tight.steps, 6 * 64 / 2) << "fewer than two sequences go on at a time";
}

TEST(Schedule, ALongPromptComesInChunksWhileOthersDecode) {
  std::vector<RolloutRequest> requests(2);
  requests[0].prompt_ids = {1, 2};
  requests[0].group_size = 3;
  requests[0].sampling.max_new_tokens = 40;
  requests[1].prompt_ids = std::vector<std::int32_t>(100, 2);
  requests[1].sampling.max_new_tokens = 10;
  const Course course = run_schedule(requests, {8, 10, 0}, ample_pages(requests));
  expect_equal(course.groups, plain_completions(requests));
  EXPECT_EQ(course.most_prefill, 10);
  EXPECT_GE(course.mixed_steps, 9) << "decoding stood still while the prompt was computed";
  EXPECT_EQ(course.steps, 40) << "a sequence decodes in each step, whatever the prompts";
}

RolloutRequest request(std::size_t prompt, std::int32_t budget, std::uint32_t group = 1) {
  RolloutRequest made;
  made.group_size = group;
  made.prompt_ids.assign(prompt, 1);
  made.sampling.max_new_tokens = budget;
  return made;
}

TEST(Schedule, AdmitsTheLongestExpectedFirst) {
  const std::vector<RolloutRequest> requests = {request(5, 20), request(9, 20), request(3, 30),
                                                request(9, 20), request(4, 10), request(7, 30)};
  const std::vector<std::size_t> expected = {5, 2, 1, 3, 0, 4};
  EXPECT_EQ(admission_order(requests), expected);
  EXPECT_EQ(run_schedule(requests, {1, 64, 0}, ample_pages(requests)).first_admitted, expected);
}

// In the order of the requests the long one would begin when the short ones end, after 40 steps.
TEST(Schedule, TheLongestDoesNotComeLast) {
  std::vector<RolloutRequest> requests(8, request(4, 20));
  requests.push_back(request(4, 100));
  const Course course = run_schedule(requests, {4, 64, 0}, ample_pages(requests));
  expect_equal(course.groups, plain_completions(requests));
  EXPECT_EQ(course.steps, 100);
}

TEST(Schedule, NeedsThePagesOfOneCompletion) {
  const auto requests = mixed_requests();
  EXPECT_NO_THROW(run_schedule(requests, {4, 64, 0}, least_pages(requests)));
  std::vector<RolloutRequest> one(1, requests.back());
  std::vector<RolloutGroup> groups(1);
  groups.front().completions.resize(one.front().group_size);
  PagePool pool(pages_of_prompt(one.front(), kPageRows) - 1);
  Schedule schedule(one, groups, {4, 64, 0}, pool);
  EXPECT_THROW(schedule.next(), Error);
}

}  // namespace
}  // namespace cogent::rollout
