// main of GoogleTest programs that run under mpirun. Every test is collective: after each one the
// ranks agree on whether it failed anywhere, so that a rank that left a test early is found there.
// Rank 0 prints the progress, another rank only its failures.
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "tests/mpi/mpi_session.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <span>
#include <string>

namespace cogent::tests {
namespace {

std::unique_ptr<distributed::Session> session;

distributed::SessionOptions options_from_environment() {
  distributed::SessionOptions options{.deadline_seconds = 30};
  if (const char* limit = std::getenv("COGENT_TEST_MAX_COUNT")) {
    options.max_count = std::atoll(limit);
  }
  if (const char* seconds = std::getenv("COGENT_TEST_DEADLINE")) {
    options.deadline_seconds = std::atof(seconds);
  }
  return options;
}

class AgreeOnFailure : public ::testing::EmptyTestEventListener {
 public:
  bool failed_anywhere() const { return failed_anywhere_; }

 private:
  void OnTestEnd(const ::testing::TestInfo& test) override {
    const std::string name = concat(test.test_suite_name(), ".", test.name());
    std::int64_t failed = test.result()->Failed() ? 1 : 0;
    try {
      session->world()
          .all_reduce(distributed::Buffer(std::span(&failed, 1)), distributed::ReduceOp::kMax,
                      concat("outcome of ", name))
          .wait();
    } catch (const std::exception& error) {
      log_error("rank ", session->rank(), ": the ranks left ", name,
                " at different places: ", error.what());
      session->abort(1);
    }
    failed_anywhere_ |= failed != 0;
  }

  bool failed_anywhere_ = false;
};

class PrintFailures : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed()) {
      std::cerr << "rank " << session->rank() << ": " << result.file_name() << ":"
                << result.line_number() << ": " << result.summary() << std::endl;
    }
  }
};

}  // namespace

distributed::Session& mpi_session() {
  return *session;
}

const distributed::SessionOptions& mpi_session_options() {
  static const distributed::SessionOptions options = options_from_environment();
  return options;
}

int run(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  session = std::make_unique<distributed::Session>(mpi_session_options());
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  auto agree = std::make_unique<AgreeOnFailure>();
  if (session->rank() != 0) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new PrintFailures);
  }
  listeners.Append(agree.get());
  const int local = RUN_ALL_TESTS();
  listeners.Release(agree.get());
  session.reset();
  return local != 0 || agree->failed_anywhere() ? 1 : 0;
}

}  // namespace cogent::tests

int main(int argc, char** argv) {
  return cogent::tests::run(argc, argv);
}
