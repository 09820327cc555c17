// A job of which one rank misbehaves: `failing_job none|throw|lost-work|absent|status|killed|deaf
// [unwound]`. The script beside it looks at how the others end, and when: rank 1 writes the file
// "failing" as it begins to fail.
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "distributed/session.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <fstream>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace cogent::distributed {
namespace {

// A rank in the middle of its own work that takes SIGTERM as a wish, as cogent's ranks do.
void compute_for_minutes() {
  static_cast<void>(std::signal(SIGTERM, SIG_IGN));
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Rank 1 fails while the others wait for it.
void run(Session& session, const std::string& how) {
  std::vector<float> values(100000, 1.0f);
  session.world().all_reduce(Buffer(std::span(values)), ReduceOp::kSum, "all are here").wait();
  if (session.rank() == 1) {
    std::ofstream("failing") << how;
    if (how == "throw" || how == "deaf") {
      fail(ErrorCode::kData, "rank 1 read a bad line");
    } else if (how == "lost-work") {
      // Its work is under way, and the others wait elsewhere.
      const Work work =
          session.world().all_reduce(Buffer(std::span(values)), ReduceOp::kSum, "never met");
      fail(ErrorCode::kNumerics, "rank 1 met a value that is not finite");
    } else if (how == "absent") {
      std::this_thread::sleep_for(std::chrono::minutes(5));
    } else if (how == "status") {
      session.abort(77);
    } else if (how == "killed") {
      static_cast<void>(std::raise(SIGKILL));
    }
  }
  if (how == "deaf") {
    compute_for_minutes();
  }
  if (how == "lost-work") {
    static_cast<void>(session.receive(1, 4));
  }
  session.world().all_reduce(Buffer(std::span(values)), ReduceOp::kSum, "gradients").wait();
  log_info("rank ", session.rank(), ": done");
}

int guarded(const std::string& how) {
  // Only the job of which a rank is absent is to end by its deadline.
  Session session({.deadline_seconds = how == "absent" ? 5.0 : 100.0});
  try {
    run(session, how);
  } catch (const Error& error) {
    log_error("rank ", session.rank(), ": ", error.what());
    session.abort(exit_status(error.code()));
  }
  return 0;
}

// The session dies with the exception, as it may in a main without care.
int unguarded(const std::string& how) {
  try {
    Session session({.deadline_seconds = 100});
    run(session, how);
  } catch (const Error& error) {
    log_error(error.what());
    return exit_status(error.code());
  }
  return 0;
}

}  // namespace
}  // namespace cogent::distributed

int main(int argc, char** argv) {
  const std::string how = argc > 1 ? argv[1] : "";
  const bool unwound = argc > 2 && std::string(argv[2]) == "unwound";
  return unwound ? cogent::distributed::unguarded(how) : cogent::distributed::guarded(how);
}
