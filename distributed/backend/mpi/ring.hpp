#pragma once

#include "distributed/buffer.hpp"
#include "distributed/communicator.hpp"

#include <mpi.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cogent::distributed {

// The collectives that move data, over MPI_Sendrecv between neighbours in segments of about a
// megabyte: the size at which shared memory is fastest, with scratch that stays. All calls block
// and run hot, so the ranks must have met. Additions have a fixed order: the shard of rank r is
// summed beginning at rank r + 1 and ending at rank r.
class Ring {
 public:
  // max_count: values of one MPI call.
  Ring(MPI_Comm comm, std::int64_t max_count);

  int rank() const { return rank_; }
  int size() const { return size_; }

  // `own` may be this rank's place in `values`; other values stay as they are.
  void reduce_scatter(const Buffer& values, void* own, std::span<const std::int64_t> counts,
                      ReduceOp op);
  // bfloat16 values into float32 sums: every rank's part of a shard travels to the shard's rank as
  // it is, which adds its own, then those of the ranks before it, the nearest first.
  void reduce_scatter_widened(const Buffer& values, std::span<float> own,
                              std::span<const std::int64_t> counts);
  // This rank's values stand in their place already.
  void all_gather(const Buffer& values, std::span<const std::int64_t> counts);
  void all_reduce(const Buffer& values, ReduceOp op);
  void broadcast(const Buffer& values, int root);

 private:
  void all_reduce_small(const Buffer& values, ReduceOp op);
  // To the rank `distance` ahead, from the one as far behind. Empty sides are skipped; both ranks
  // know the counts.
  void exchange(const Buffer& outgoing, const Buffer& incoming, int distance = 1);
  std::int64_t segment(DataType type) const;
  // Scratch for as many values.
  Buffer scratch(std::size_t which, std::int64_t count, DataType type);

  MPI_Comm comm_;
  std::int64_t max_count_;
  int rank_ = 0;
  int size_ = 1;
  std::array<std::vector<std::byte>, 2> scratch_;
};

}  // namespace cogent::distributed
