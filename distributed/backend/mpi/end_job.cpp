#include "distributed/backend/mpi/end_job.hpp"

#include "core/base/log.hpp"

#include <mpi.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <unistd.h>

namespace cogent::distributed {
namespace {

constexpr std::chrono::seconds kPatience(3);  // for an MPI_Abort that does not return

bool mpi_accepts_calls_from_any_thread() {
  int initialized = 0;
  int finalized = 0;
  int level = MPI_THREAD_SINGLE;
  return MPI_Initialized(&initialized) == MPI_SUCCESS && initialized != 0 &&
         MPI_Finalized(&finalized) == MPI_SUCCESS && finalized == 0 &&
         MPI_Query_thread(&level) == MPI_SUCCESS && level == MPI_THREAD_MULTIPLE;
}

}  // namespace

void end_job(int status) noexcept {
  static std::atomic_flag ending = ATOMIC_FLAG_INIT;
  while (ending.test_and_set()) {  // Another thread's status came first.
    pause();
  }
  flush_log();
  try {
    std::thread([status] {
      std::this_thread::sleep_for(kPatience);
      _exit(status);
    }).detach();
  } catch (...) {  // No thread is left to be had: MPI_Abort alone has to do.
  }
  // Where MPI cannot be called from here, the launcher ends the other ranks when this one is gone.
  if (mpi_accepts_calls_from_any_thread()) {
    MPI_Abort(MPI_COMM_WORLD, status);
  }
  _exit(status);
}

}  // namespace cogent::distributed
