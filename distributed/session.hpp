#pragma once

#include "core/base/error.hpp"
#include "distributed/communicator.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cogent::distributed {

class Watchdog;

struct SessionOptions {
  double deadline_seconds = 600;  // of one collective, once the communication thread is at it
  std::int64_t max_count =
      1ll << 30;  // values of one MPI call; larger buffers are split. Tests lower it.
};

// Owns MPI (or its absence: started without mpirun or srun, the world is this process and MPI is
// not initialised), the communication thread that makes every MPI call after start-up, and the
// watchdog. Construct it first in main and destroy it last; communicators must die before.
// The destructor meets all ranks and finalises MPI. Destroyed by an exception that unwinds the
// stack it does neither: main logs the exception and leaves with its exit status, or calls abort()
// on a session that stands outside the try block.
class Session {
 public:
  explicit Session(const SessionOptions& options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int rank() const;
  int size() const;
  int local_rank() const;  // among the ranks of this host
  int local_size() const;
  const std::string& host() const;

  Communicator& world();
  // A communicator of these world ranks, in this order (rank i = world_ranks[i]). Collective over
  // the WORLD: every rank calls it with the same list; ranks outside get null.
  std::unique_ptr<Communicator> communicator(std::span<const int> world_ranks,
                                             const std::string& name);

  // Point to point between world ranks; messages of one pair and tag arrive in order. send() copies
  // and returns at once. receive() waits without a deadline (a rollout may take as long as it
  // takes) and without spinning a core. Tags: 0 to 32767. A rank may send to itself.
  void send(int world_rank, int tag, std::vector<std::byte> bytes);
  std::vector<std::byte> receive(int world_rank, int tag);

  // Ends all ranks with this exit status, from any thread, at once.
  [[noreturn]] void abort(int status) noexcept;

  // For backends that this session does not make (NCCL).
  Watchdog& watchdog();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Started by mpirun or srun (their environment variables are there)?
bool launched_by_mpi();

}  // namespace cogent::distributed
