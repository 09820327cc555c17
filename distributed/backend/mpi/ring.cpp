#include "distributed/backend/mpi/ring.hpp"

#include "distributed/argument_checks.hpp"
#include "distributed/backend/mpi/mpi_call.hpp"
#include "distributed/reduce.hpp"
#include "distributed/split.hpp"

#include <algorithm>
#include <cstring>

namespace cogent::distributed {
namespace {

constexpr std::size_t kSegmentBytes = 1 << 20;
// Below this one gather and own additions take fewer steps than the ring.
constexpr std::size_t kSmallBytes = 4096;

std::byte* place(const Buffer& values, std::int64_t index) {
  return static_cast<std::byte*>(values.data) +
         static_cast<std::size_t>(index) * size_of(values.type);
}

std::int64_t largest(std::span<const std::int64_t> counts) {
  return *std::max_element(counts.begin(), counts.end());
}

// The same segment of every rank's shard: shards shorter than `begin` give an empty one.
class Segment {
 public:
  Segment(const Buffer& values, std::span<const std::int64_t> counts, std::int64_t begin,
          std::int64_t length)
      : values_(values), counts_(counts), begin_(begin), length_(length) {}

  Buffer of(int shard) const {
    const std::int64_t left = counts_[static_cast<std::size_t>(shard)] - begin_;
    const std::int64_t count = std::clamp<std::int64_t>(left, 0, length_);
    const std::int64_t offset = count == 0 ? 0 : shard_offset(counts_, shard) + begin_;
    return {place(values_, offset), count, values_.type};
  }

 private:
  const Buffer& values_;
  std::span<const std::int64_t> counts_;
  std::int64_t begin_;
  std::int64_t length_;
};

}  // namespace

Ring::Ring(MPI_Comm comm, std::int64_t max_count) : comm_(comm), max_count_(max_count) {
  mpi_call(MPI_Comm_rank(comm, &rank_), "MPI_Comm_rank");
  mpi_call(MPI_Comm_size(comm, &size_), "MPI_Comm_size");
}

std::int64_t Ring::segment(DataType type) const {
  return std::min(max_count_, static_cast<std::int64_t>(kSegmentBytes / size_of(type)));
}

Buffer Ring::scratch(std::size_t which, std::int64_t count, DataType type) {
  std::vector<std::byte>& memory = scratch_[which];
  memory.resize(std::max(memory.size(), static_cast<std::size_t>(count) * size_of(type)));
  return {memory.data(), count, type};
}

void Ring::exchange(const Buffer& outgoing, const Buffer& incoming, int distance) {
  const int next = (rank_ + distance) % size_;
  const int previous = (rank_ + size_ - distance) % size_;
  mpi_call(
      MPI_Sendrecv(outgoing.data, static_cast<int>(outgoing.count), mpi_type(outgoing.type),
                   outgoing.count == 0 ? MPI_PROC_NULL : next, 0, incoming.data,
                   static_cast<int>(incoming.count), mpi_type(incoming.type),
                   incoming.count == 0 ? MPI_PROC_NULL : previous, 0, comm_, MPI_STATUS_IGNORE),
      "MPI_Sendrecv");
}

void Ring::reduce_scatter(const Buffer& values, void* own, std::span<const std::int64_t> counts,
                          ReduceOp op) {
  const Buffer own_values(own, counts[static_cast<std::size_t>(rank_)], values.type);
  if (size_ == 1) {
    if (values.count != 0 && own != values.data) {
      std::memcpy(own, values.data, values.bytes());
    }
    return;
  }
  for_each_part(
      largest(counts), segment(values.type), [&](std::int64_t begin, std::int64_t length) {
        const Segment part(values, counts, begin, length);
        Buffer sum = part.of((rank_ + size_ - 1) % size_);
        for (int step = 0; step < size_ - 1; ++step) {
          const Buffer local = part.of((rank_ + 2 * size_ - step - 2) % size_);
          const Buffer incoming =
              scratch(static_cast<std::size_t>(step % 2), local.count, values.type);
          exchange(sum, incoming);
          // The last sum is that of the own shard.
          sum =
              step < size_ - 2 || local.count == 0 ? incoming : own_values.part(begin, local.count);
          reduce(sum.data, incoming.data, local.data, local.count, values.type, op);
        }
      });
}

void Ring::reduce_scatter_widened(const Buffer& values, std::span<float> own,
                                  std::span<const std::int64_t> counts) {
  const auto bits_of = [](const Buffer& part) {
    return std::span(static_cast<const BFloat16Bits*>(part.data),
                     static_cast<std::size_t>(part.count));
  };
  for_each_part(largest(counts), segment(values.type),
                [&](std::int64_t begin, std::int64_t length) {
                  const Segment part(values, counts, begin, length);
                  const Buffer local = part.of(rank_);
                  const std::span<float> sums =
                      own.subspan(local.count == 0 ? 0 : static_cast<std::size_t>(begin),
                                  static_cast<std::size_t>(local.count));
                  widen(bits_of(local), sums);
                  const Buffer incoming = scratch(0, local.count, values.type);
                  for (int distance = 1; distance < size_; ++distance) {
                    exchange(part.of((rank_ + distance) % size_), incoming, distance);
                    add_widened(bits_of(incoming), sums);
                  }
                });
}

void Ring::all_gather(const Buffer& values, std::span<const std::int64_t> counts) {
  for_each_part(largest(counts), segment(values.type),
                [&](std::int64_t begin, std::int64_t length) {
                  const Segment part(values, counts, begin, length);
                  for (int step = 0; step < size_ - 1; ++step) {
                    exchange(part.of((rank_ + size_ - step) % size_),
                             part.of((rank_ + size_ - step - 1) % size_));
                  }
                });
}

void Ring::all_reduce(const Buffer& values, ReduceOp op) {
  if (size_ == 1 || values.count == 0) {
    return;
  }
  if (values.bytes() <= kSmallBytes && values.count <= max_count_) {
    all_reduce_small(values, op);
    return;
  }
  std::vector<std::int64_t> counts(static_cast<std::size_t>(size_), values.count / size_);
  for (std::int64_t rank = 0; rank < values.count % size_; ++rank) {
    ++counts[static_cast<std::size_t>(rank)];
  }
  reduce_scatter(values, place(values, shard_offset(counts, rank_)), counts, op);
  all_gather(values, counts);
}

// Every rank adds the values of rank 0, 1, ... in that order.
void Ring::all_reduce_small(const Buffer& values, ReduceOp op) {
  const Buffer all = scratch(0, values.count * size_, values.type);
  const int count = static_cast<int>(values.count);
  const MPI_Datatype type = mpi_type(values.type);
  mpi_call(MPI_Allgather(values.data, count, type, all.data, count, type, comm_), "MPI_Allgather");
  std::memcpy(values.data, all.data, values.bytes());
  for (int rank = 1; rank < size_; ++rank) {
    reduce(values.data, values.data, place(all, rank * values.count), values.count, values.type,
           op);
  }
}

void Ring::broadcast(const Buffer& values, int root) {
  for_each_part(values.count, max_count_, [&](std::int64_t offset, std::int64_t length) {
    mpi_call(MPI_Bcast(place(values, offset), static_cast<int>(length), mpi_type(values.type), root,
                       comm_),
             "MPI_Bcast");
  });
}

}  // namespace cogent::distributed
