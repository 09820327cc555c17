#pragma once

#include "distributed/backend/mpi/mpi_thread.hpp"
#include "distributed/backend/mpi/ring.hpp"
#include "distributed/communicator.hpp"
#include "distributed/watchdog.hpp"

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cogent::distributed {

// A Communicator over an MPI_Comm of its own. Before a collective moves data its ranks meet: they
// wait with rests, and find out whether all of them make the same call. Host memory only.
class MpiCommunicator final : public Communicator {
 public:
  // Takes over `comm` and frees it. Thread and watchdog must outlive it. Called on the
  // communication thread, or before there is one.
  MpiCommunicator(MpiThread& thread, Watchdog& watchdog, MPI_Comm comm, std::string name,
                  std::int64_t max_count);
  ~MpiCommunicator() override;
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  int rank() const override { return ring_.rank(); }
  int size() const override { return ring_.size(); }
  const std::string& name() const override { return name_; }

  Work all_reduce(Buffer values, ReduceOp op, std::string_view what) override;
  Work reduce_scatter(Buffer values, Buffer own, std::span<const std::int64_t> counts,
                      std::string_view what) override;
  Work all_gather(Buffer own, Buffer values, std::span<const std::int64_t> counts,
                  std::string_view what) override;
  Work broadcast(Buffer values, int root, std::string_view what) override;
  Work barrier(std::string_view what) override;

  // A communicator of some of these ranks, in this order; null on the others. Collective over all.
  std::unique_ptr<Communicator> subset(std::span<const int> ranks, const std::string& name);
  // Every message of this rank has left, and every rank says so. Collective.
  void close();

 private:
  // What all ranks must agree on.
  struct Call {
    std::string name;
    std::string what;
    std::int64_t kind = 0;  // call, type, operation and root
    std::int64_t count = 0;
    std::int64_t digest = 0;  // of the list that the call takes
  };

  Work start(Call call, std::function<void()> move);
  void meet(const Call& call, const Completion& task);

  MpiThread& thread_;
  Watchdog& watchdog_;
  const MPI_Comm comm_;
  const std::string name_;
  const std::int64_t max_count_;

  // Of the communication thread alone.
  Ring ring_;
  std::int64_t sequence_ = 0;
};

}  // namespace cogent::distributed
