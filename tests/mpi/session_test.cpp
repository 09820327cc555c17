#include "distributed/session.hpp"

#include "core/base/error.hpp"
#include "tests/mpi/mpi_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <ctime>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace cogent::distributed {
namespace {

using ::testing::HasSubstr;

Session& session() {
  return tests::mpi_session();
}

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

double processor_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

TEST(Session, KnowsItsPlace) {
  EXPECT_EQ(session().world().rank(), session().rank());
  EXPECT_EQ(session().world().size(), session().size());
  EXPECT_EQ(session().local_size(), session().size());
  EXPECT_EQ(session().local_rank(), session().rank());
  EXPECT_FALSE(session().host().empty());
  EXPECT_TRUE(launched_by_mpi());
}

TEST(Session, MessagesOfAPairArriveInOrder) {
  constexpr int kMessages = 30;
  for (int peer = 0; peer < session().size(); ++peer) {
    for (int i = 0; i < kMessages; ++i) {
      session().send(peer, 5, bytes_of(concat("from ", session().rank(), " number ", i)));
      session().send(peer, 6, bytes_of(concat("other tag ", i)));
    }
  }
  for (int peer = 0; peer < session().size(); ++peer) {
    for (int i = 0; i < kMessages; ++i) {
      // The other way round than they were sent.
      EXPECT_EQ(text_of(session().receive(peer, 6)), concat("other tag ", i));
      EXPECT_EQ(text_of(session().receive(peer, 5)), concat("from ", peer, " number ", i));
    }
  }
}

TEST(Session, MessagesMayBeEmptyOrLong) {
  const int next = (session().rank() + 1) % session().size();
  const int previous = (session().rank() + session().size() - 1) % session().size();
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{3} << 20}) {
    std::vector<std::byte> sent(length);
    for (std::size_t i = 0; i < length; ++i) {
      sent[i] = std::byte(static_cast<unsigned char>(i * 31 + session().rank()));
    }
    session().send(next, 1, sent);
    const auto received = session().receive(previous, 1);
    ASSERT_EQ(received.size(), length);
    for (std::size_t i = 0; i < length; i += 997) {
      ASSERT_EQ(received[i], std::byte(static_cast<unsigned char>(i * 31 + previous)));
    }
  }
}

// A receive that waits holds up no collective, and a collective that waits holds up no message.
TEST(Session, MessagesAndCollectivesDoNotWaitForEachOther) {
  if (session().size() < 2) {
    GTEST_SKIP() << "one rank has nobody to wait for";
  }
  std::int64_t one = 1;
  if (session().rank() == 0) {
    std::string answer;
    std::thread receiver([&] { answer = text_of(session().receive(1, 2)); });
    session().world().all_reduce(Buffer(std::span(&one, 1)), ReduceOp::kSum, "in between").wait();
    receiver.join();
    EXPECT_EQ(answer, "late");
    // Under way before its message, which rank 1 needs in order to arrive.
    Work work = session().world().barrier("waits for the message");
    session().send(1, 3, bytes_of("come"));
    work.wait();
  } else {
    session().world().all_reduce(Buffer(std::span(&one, 1)), ReduceOp::kSum, "in between").wait();
    if (session().rank() == 1) {
      session().send(0, 2, bytes_of("late"));
      EXPECT_EQ(text_of(session().receive(0, 3)), "come");
    }
    session().world().barrier("waits for the message").wait();
  }
  EXPECT_EQ(one, session().size());
}

TEST(Session, CommunicatorsHoldTheirRanksInTheGivenOrder) {
  std::vector<int> backwards(static_cast<std::size_t>(session().size()));
  std::iota(backwards.rbegin(), backwards.rend(), 0);
  const auto all = session().communicator(backwards, "backwards");
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(all->rank(), session().size() - 1 - session().rank());
  EXPECT_EQ(all->name(), "backwards");

  const std::vector<int> last = {session().size() - 1};
  const auto alone = session().communicator(last, "last");
  EXPECT_EQ(alone != nullptr, session().rank() == last.front());
  if (alone != nullptr) {
    float value = 3;
    alone->all_reduce(Buffer(std::span(&value, 1)), ReduceOp::kSum, "alone").wait();
    EXPECT_EQ(value, 3);
  }
}

TEST(Session, CommunicatorsOfOtherRanksWorkSideBySide) {
  if (session().size() < 4) {
    GTEST_SKIP() << "two pairs need 4 ranks";
  }
  const std::vector<int> even = {0, 2};
  const std::vector<int> odd = {3, 1};
  const auto first = session().communicator(even, "even");
  const auto second = session().communicator(odd, "odd");
  Communicator& own = session().rank() % 2 == 0 ? *first : *second;
  EXPECT_EQ((session().rank() % 2 == 0 ? second : first), nullptr);
  std::vector<std::int64_t> values(5000, session().rank());
  own.all_reduce(Buffer(std::span(values)), ReduceOp::kSum, "pair").wait();
  EXPECT_THAT(values, ::testing::Each(session().rank() % 2 == 0 ? 2 : 4));
}

TEST(Session, RanksThatCallDifferentThingsAreToldSo) {
  if (session().size() < 2) {
    GTEST_SKIP() << "one rank agrees with itself";
  }
  std::vector<float> values(static_cast<std::size_t>(10 + session().rank()));
  try {
    session().world().all_reduce(Buffer(std::span(values)), ReduceOp::kSum, "odd counts").wait();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCommunication);
    EXPECT_THAT(error.what(), HasSubstr("odd counts"));
    EXPECT_THAT(error.what(), HasSubstr(concat("10 to ", 9 + session().size())));
  }
  const ReduceOp op = session().rank() == 0 ? ReduceOp::kMin : ReduceOp::kMax;
  std::int64_t value = 0;
  EXPECT_THROW(session().world().all_reduce(Buffer(std::span(&value, 1)), op, "odd ops").wait(),
               Error);
  // All ranks heard of it, so they are still in step.
  session().world().barrier("after the disagreement").wait();
}

TEST(Session, WrongPeersAreSentences) {
  EXPECT_THROW(session().send(session().size(), 0, {}), Error);
  EXPECT_THROW(session().receive(-1, 0), Error);
  EXPECT_THROW(session().send(0, -1, {}), Error);
  const std::vector<int> twice = {0, 0};
  EXPECT_THROW(static_cast<void>(session().communicator(twice, "twice")), Error);
  const std::vector<int> outside = {session().size()};
  EXPECT_THROW(static_cast<void>(session().communicator(outside, "outside")), Error);
}

// Ranks that wait for a late one, in a collective and for a message, sleep meanwhile.
TEST(Session, WaitingCostsNoCore) {
  if (session().size() < 2) {
    GTEST_SKIP() << "one rank waits for nobody";
  }
  constexpr auto kLate = std::chrono::milliseconds(1500);
  session().world().barrier("before the wait").wait();
  const double before = processor_seconds();
  if (session().rank() == 0) {
    std::this_thread::sleep_for(kLate);
    session().send(1, 9, {});
  } else if (session().rank() == 1) {
    static_cast<void>(session().receive(0, 9));
  }
  session().world().barrier("the late one").wait();
  // A spinning wait would take 1.5 s; sanitizers and a busy machine get room.
  EXPECT_LT(processor_seconds() - before, 0.75);
}

}  // namespace
}  // namespace cogent::distributed
