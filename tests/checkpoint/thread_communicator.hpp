#pragma once

#include "distributed/communicator.hpp"

#include <barrier>
#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace cogent::distributed::testing {

// Ranks as threads of this process: enough of a Communicator for the checkpoint store, which
// gathers, broadcasts and waits.
struct ThreadWorld {
  explicit ThreadWorld(int ranks) : gate(ranks), buffers(static_cast<std::size_t>(ranks)) {}
  std::barrier<> gate;
  std::vector<Buffer> buffers;
};

class ThreadCommunicator : public Communicator {
 public:
  ThreadCommunicator(ThreadWorld& world, int rank) : world_(world), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(world_.buffers.size()); }
  const std::string& name() const override { return name_; }

  Work all_gather(Buffer own, Buffer values, std::span<const std::int64_t> counts,
                  std::string_view /*what*/) override {
    meet(own);
    auto* to = static_cast<std::byte*>(values.data);
    for (std::size_t r = 0; r < counts.size(); ++r) {
      const std::size_t bytes = static_cast<std::size_t>(counts[r]) * size_of(own.type);
      if (bytes != 0) {
        std::memmove(to, world_.buffers[r].data, bytes);
      }
      to += bytes;
    }
    world_.gate.arrive_and_wait();
    return {};
  }
  Work broadcast(Buffer values, int root, std::string_view /*what*/) override {
    meet(values);
    if (rank_ != root && values.bytes() != 0) {
      std::memcpy(values.data, world_.buffers[static_cast<std::size_t>(root)].data, values.bytes());
    }
    world_.gate.arrive_and_wait();
    return {};
  }
  Work barrier(std::string_view /*what*/) override {
    world_.gate.arrive_and_wait();
    return {};
  }
  Work all_reduce(Buffer, ReduceOp, std::string_view) override { throw std::logic_error("unused"); }
  Work reduce_scatter(Buffer, Buffer, std::span<const std::int64_t>, std::string_view) override {
    throw std::logic_error("unused");
  }

 private:
  void meet(const Buffer& buffer) {
    world_.buffers[static_cast<std::size_t>(rank_)] = buffer;
    world_.gate.arrive_and_wait();
  }

  ThreadWorld& world_;
  int rank_;
  std::string name_ = "threads";
};

// Runs the function on this many ranks; what each rank threw, empty where it did not.
inline std::vector<std::string> run_ranks(int ranks,
                                          const std::function<void(Communicator&)>& run) {
  ThreadWorld world(ranks);
  std::vector<std::string> errors(static_cast<std::size_t>(ranks));
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadCommunicator communicator(world, rank);
      try {
        run(communicator);
      } catch (const std::exception& error) {
        errors[static_cast<std::size_t>(rank)] = error.what();
      }
    });
  }
  threads.clear();
  return errors;
}

}  // namespace cogent::distributed::testing
