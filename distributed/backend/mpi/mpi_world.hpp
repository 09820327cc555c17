#pragma once

#include "distributed/communicator.hpp"
#include "distributed/watchdog.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cogent::distributed {

// MPI from MPI_Init_thread to MPI_Finalize, on the thread that makes it.
class MpiRuntime {
 public:
  MpiRuntime();
  ~MpiRuntime();
  MpiRuntime(const MpiRuntime&) = delete;
  MpiRuntime& operator=(const MpiRuntime&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int local_rank() const { return local_rank_; }
  int local_size() const { return local_size_; }

 private:
  int rank_ = 0;
  int size_ = 1;
  int local_rank_ = 0;
  int local_size_ = 1;
};

// The communication thread of this rank, the world's communicator and its messages.
class MpiWorld {
 public:
  MpiWorld(Watchdog& watchdog, std::int64_t max_count);
  ~MpiWorld();
  MpiWorld(const MpiWorld&) = delete;
  MpiWorld& operator=(const MpiWorld&) = delete;

  Communicator& communicator();
  std::unique_ptr<Communicator> subset(std::span<const int> ranks, const std::string& name);
  void send(int rank, int tag, std::vector<std::byte> bytes);
  std::vector<std::byte> receive(int rank, int tag);
  // Collective: messages have left and all ranks are here.
  void close();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace cogent::distributed
