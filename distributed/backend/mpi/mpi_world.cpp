#include "distributed/backend/mpi/mpi_world.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "distributed/backend/mpi/end_job.hpp"
#include "distributed/backend/mpi/mpi_call.hpp"
#include "distributed/backend/mpi/mpi_communicator.hpp"
#include "distributed/backend/mpi/mpi_thread.hpp"

#include <utility>

namespace cogent::distributed {
namespace {

MPI_Comm duplicate_world() {
  MPI_Comm comm = MPI_COMM_NULL;
  mpi_call(MPI_Comm_dup(MPI_COMM_WORLD, &comm), "MPI_Comm_dup");
  mpi_call(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return comm;
}

}  // namespace

MpiRuntime::MpiRuntime() {
  int provided = MPI_THREAD_SINGLE;
  mpi_call(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  mpi_call(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(provided >= MPI_THREAD_SERIALIZED, ErrorCode::kCommunication, "MPI provides thread level ",
        provided, ", the communication thread needs ", static_cast<int>(MPI_THREAD_SERIALIZED),
        " (MPI_THREAD_SERIALIZED): use an MPI that was "
        "built with threads");
  mpi_call(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  mpi_call(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  MPI_Comm host = MPI_COMM_NULL;
  mpi_call(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &host),
           "MPI_Comm_split_type");
  mpi_call(MPI_Comm_rank(host, &local_rank_), "MPI_Comm_rank");
  mpi_call(MPI_Comm_size(host, &local_size_), "MPI_Comm_size");
  mpi_call(MPI_Comm_free(&host), "MPI_Comm_free");
}

MpiRuntime::~MpiRuntime() {
  if (MPI_Finalize() != MPI_SUCCESS) {
    log_warning("MPI_Finalize failed");
  }
}

// In this order, so that the communicators die before the thread that frees them.
struct MpiWorld::Parts {
  Parts(Watchdog& watchdog, std::int64_t max_count)
      : messages(duplicate_world()),
        comm(duplicate_world()),
        thread(messages, max_count, [](int status) { end_job(status); }),
        communicator(thread, watchdog, comm, "world", max_count) {}

  MPI_Comm messages;
  MPI_Comm comm;
  MpiThread thread;
  MpiCommunicator communicator;
};

MpiWorld::MpiWorld(Watchdog& watchdog, std::int64_t max_count)
    : parts_(std::make_unique<Parts>(watchdog, max_count)) {}

MpiWorld::~MpiWorld() {
  MPI_Comm messages = parts_->messages;
  parts_.reset();
  if (MPI_Comm_free(&messages) != MPI_SUCCESS) {
    log_warning("the communicator of messages could not be freed");
  }
}

Communicator& MpiWorld::communicator() {
  return parts_->communicator;
}

std::unique_ptr<Communicator> MpiWorld::subset(std::span<const int> ranks,
                                               const std::string& name) {
  return parts_->communicator.subset(ranks, name);
}

void MpiWorld::send(int rank, int tag, std::vector<std::byte> bytes) {
  parts_->thread.send(rank, tag, std::move(bytes));
}

std::vector<std::byte> MpiWorld::receive(int rank, int tag) {
  return parts_->thread.receive(rank, tag);
}

void MpiWorld::close() {
  parts_->communicator.close();
}

}  // namespace cogent::distributed
