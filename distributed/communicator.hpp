#pragma once

#include "distributed/buffer.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cogent::distributed {

enum class ReduceOp : std::uint8_t { kSum, kMin, kMax };

// A collective under way. The buffers must live and stay untouched until wait() returns; the
// destructor waits too (and logs what it cannot throw). Only while an exception unwinds the stack
// it does not wait for ranks that may never arrive: it gives the collective up, and the job has to
// end.
class [[nodiscard]] Work {
 public:
  class State {
   public:
    virtual ~State() = default;
    virtual void wait() = 0;  // throws the collective's Error; a second call returns at once
    // Returns once the buffers are not used any more, if need be without the collective's result.
    virtual void abandon() noexcept;
  };
  Work() = default;  // done already
  explicit Work(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~Work();
  Work(Work&&) noexcept = default;
  Work& operator=(Work&&) noexcept;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  void wait();

 private:
  void finish() noexcept;

  std::shared_ptr<State> state_;
};

// A fixed set of ranks that call the same collectives in the same order. Every call below except
// rank(), size() and name() is collective. `what` names the call in messages and for the watchdog
// ("weights of block 3"). Counts beyond an int are split inside. Errors: kCommunication for buffers
// that do not fit the call (both numbers named), kDeadline where the ranks do not arrive in time
// (the watchdog ends the job).
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual const std::string& name() const = 0;

  // In place. kSum of float types adds in a fixed order: the same bits on all ranks and in every
  // run of the same size.
  virtual Work all_reduce(Buffer values, ReduceOp op, std::string_view what) = 0;
  // Sums `values` over the ranks; rank r receives the counts[r] values behind counts[0] + ... +
  // counts[r-1]. counts: one a rank, the same on all, summing up to values.count; zero is allowed.
  // `own` has counts[rank()] values and may not overlap `values`. In host memory it may be float32
  // where `values` are bfloat16: they travel as they are, and are added in float32, in a fixed
  // order.
  virtual Work reduce_scatter(Buffer values, Buffer own, std::span<const std::int64_t> counts,
                              std::string_view what) = 0;
  // The opposite: rank r's counts[r] values of `own` arrive in every rank's `values`. `own` may be
  // its own place in `values`.
  virtual Work all_gather(Buffer own, Buffer values, std::span<const std::int64_t> counts,
                          std::string_view what) = 0;
  virtual Work broadcast(Buffer values, int root, std::string_view what) = 0;
  virtual Work barrier(std::string_view what) = 0;
};

// Bytes of any length from every rank, in rank order. Collective.
std::vector<std::vector<std::byte>> all_gather_bytes(Communicator& ranks,
                                                     std::span<const std::byte> own,
                                                     std::string_view what);
// Root's bytes on every rank. Collective.
std::vector<std::byte> broadcast_bytes(Communicator& ranks, std::span<const std::byte> bytes,
                                       int root, std::string_view what);

// One rank, no library: a world of one is a normal case.
std::unique_ptr<Communicator> make_self_communicator(std::string name);

}  // namespace cogent::distributed
