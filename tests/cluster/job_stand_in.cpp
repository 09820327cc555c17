// Stands in for `cogent grpo` in slurm_smoke.sh: ranks that name their host, run until they are
// asked to stop, agree on it, and exit with 85; a job that was put back into the queue ends with 0.
#include <mpi.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

volatile std::sig_atomic_t stop_asked = 0;

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGUSR1, [](int) { stop_asked = 1; });
  MPI_Init(&count, &arguments);
  int rank = 0;
  int size = 0;
  char host[MPI_MAX_PROCESSOR_NAME];
  int length = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Get_processor_name(host, &length);
  const char* restarts = std::getenv("SLURM_RESTART_COUNT");
  std::printf("rank %d of %d on %s, restarts %s, arguments %s %s\n", rank, size, host,
              restarts == nullptr ? "0" : restarts, count > 1 ? arguments[1] : "",
              count > 2 ? arguments[2] : "");
  std::fflush(stdout);
  int status = 0;
  for (int step = 0; restarts == nullptr && status == 0; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    int stop = stop_asked != 0 ? 85 : step >= 600 ? 1 : 0;  // Nobody asks within a minute: 1.
    MPI_Allreduce(&stop, &status, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  }
  MPI_Finalize();
  return status;
}
