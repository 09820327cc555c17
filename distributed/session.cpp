#include "distributed/session.hpp"

#include "core/base/log.hpp"
#include "distributed/backend/mpi/end_job.hpp"
#include "distributed/backend/mpi/mpi_world.hpp"
#include "distributed/local_mailbox.hpp"
#include "distributed/watchdog.hpp"

#include <array>
#include <climits>
#include <cstdlib>
#include <exception>
#include <unistd.h>
#include <utility>

namespace cogent::distributed {
namespace {

constexpr int kLargestTag = 32767;  // what every MPI allows

bool set_in_environment(const char* name) {
  return std::getenv(name) != nullptr;
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// srun without PMIx gives MPI no world: each task would silently be one of its own.
void check_slurm_step() {
  const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  check(tasks == nullptr || std::atoi(tasks) <= 1, ErrorCode::kCommunication, "srun started ",
        tasks == nullptr ? "" : tasks,
        " tasks without PMIx, so that they cannot find each other: start them with srun "
        "--mpi=pmix");
}

}  // namespace

bool launched_by_mpi() {
  return set_in_environment("OMPI_COMM_WORLD_SIZE") || set_in_environment("PMIX_RANK") ||
         set_in_environment("PMI_RANK");
}

struct Session::Impl {
  explicit Impl(const SessionOptions& options)
      : runtime(launched_by_mpi() ? std::make_unique<MpiRuntime>() : nullptr),
        watchdog(options.deadline_seconds, runtime ? runtime->rank() : 0,
                 [](int status) { end_job(status); }),
        mpi(runtime ? std::make_unique<MpiWorld>(watchdog, options.max_count) : nullptr),
        self(mpi ? nullptr : make_self_communicator("world")) {}

  void check_peer(std::string_view call, int world_rank, int tag) const {
    const int size = runtime ? runtime->size() : 1;
    check(world_rank >= 0 && world_rank < size, ErrorCode::kCommunication, call, " with rank ",
          world_rank, ": the world has ", size, " ranks");
    check(tag >= 0 && tag <= kLargestTag, ErrorCode::kCommunication, call, " with tag ", tag,
          ": tags go from 0 to ", kLargestTag);
  }

  const std::string host = host_name();
  const int exceptions = std::uncaught_exceptions();
  LocalMailbox own_messages;
  // In order of construction. Without MPI `runtime` and `mpi` are null, with it `self` is.
  std::unique_ptr<MpiRuntime> runtime;
  Watchdog watchdog;
  std::unique_ptr<MpiWorld> mpi;
  std::unique_ptr<Communicator> self;
};

Session::Session(const SessionOptions& options) {
  check(options.max_count >= 1 && options.max_count <= INT_MAX, ErrorCode::kUsage, "max_count is ",
        options.max_count, ": one MPI call takes 1 to ", INT_MAX, " values");
  if (!launched_by_mpi()) {
    check_slurm_step();
  }
  impl_ = std::make_unique<Impl>(options);
}

Session::~Session() {
  if (std::uncaught_exceptions() > impl_->exceptions) {
    // Other ranks may be anywhere: nothing that waits for them is safe, and the communication
    // thread may be inside MPI. All of it is left to the end of the process.
    static_cast<void>(impl_.release());
    return;
  }
  try {
    if (impl_->mpi) {
      impl_->mpi->close();
    }
  } catch (const std::exception& error) {
    log_error("the session could not be closed: ", error.what());
  }
}

int Session::rank() const {
  return impl_->runtime ? impl_->runtime->rank() : 0;
}

int Session::size() const {
  return impl_->runtime ? impl_->runtime->size() : 1;
}

int Session::local_rank() const {
  return impl_->runtime ? impl_->runtime->local_rank() : 0;
}

int Session::local_size() const {
  return impl_->runtime ? impl_->runtime->local_size() : 1;
}

const std::string& Session::host() const {
  return impl_->host;
}

Communicator& Session::world() {
  return impl_->mpi ? impl_->mpi->communicator() : *impl_->self;
}

std::unique_ptr<Communicator> Session::communicator(std::span<const int> world_ranks,
                                                    const std::string& name) {
  if (impl_->mpi) {
    return impl_->mpi->subset(world_ranks, name);
  }
  for (const int rank : world_ranks) {
    check(rank == 0 && world_ranks.size() == 1, ErrorCode::kCommunication, "communicator ", name,
          " names ", world_ranks.size(), " ranks, among them ", rank,
          ": the world has rank 0 alone");
  }
  return world_ranks.empty() ? nullptr : make_self_communicator(name);
}

void Session::send(int world_rank, int tag, std::vector<std::byte> bytes) {
  impl_->check_peer("send", world_rank, tag);
  if (world_rank == rank()) {
    impl_->own_messages.put(tag, std::move(bytes));
  } else {
    impl_->mpi->send(world_rank, tag, std::move(bytes));
  }
}

std::vector<std::byte> Session::receive(int world_rank, int tag) {
  impl_->check_peer("receive", world_rank, tag);
  return world_rank == rank() ? impl_->own_messages.take(tag)
                              : impl_->mpi->receive(world_rank, tag);
}

void Session::abort(int status) noexcept {
  end_job(status);
}

Watchdog& Session::watchdog() {
  return impl_->watchdog;
}

}  // namespace cogent::distributed
