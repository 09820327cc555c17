#include "distributed/session.hpp"

#include <mpi.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <vector>

// The product's collectives beside MPI's own calls and a plain ring over MPI_Sendrecv, in one run
// in which they take turns, float32, under launch/mpi.env:
//   mpirun -n 2 collective_bench [LARGEST_KIB [SMALLEST_KIB]]
// A time is that of the slowest rank, from a barrier to the end of the call; the product's has in
// it the way to the communication thread and back. Sizes are those of the whole buffer.
namespace cogent::distributed {
namespace {

constexpr std::size_t kTurns = 9;

struct Times {
  std::vector<double> seconds;  // of one call, a value a turn

  double least() const { return *std::min_element(seconds.begin(), seconds.end()); }
  double median() const {
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

// The peers' communicator and what they keep between calls.
class Peers {
 public:
  Peers() {
    MPI_Comm_dup(MPI_COMM_WORLD, &comm_);
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
  }
  ~Peers() { MPI_Comm_free(&comm_); }
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  // Seconds of one of `calls` calls, on the slowest rank.
  double time(int calls, const std::function<void()>& call) const {
    MPI_Barrier(comm_);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) {
      call();
    }
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, comm_);
    return seconds / calls;
  }

  void mpi_all_reduce(std::span<float> values) const {
    MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_SUM,
                  comm_);
  }
  void mpi_reduce_scatter(std::span<float> values, std::span<float> own,
                          std::span<const int> counts) const {
    MPI_Reduce_scatter(values.data(), own.data(), counts.data(), MPI_FLOAT, MPI_SUM, comm_);
  }
  void mpi_all_gather(std::span<float> values, std::span<const int> counts,
                      std::span<const int> offsets) const {
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values.data(), counts.data(), offsets.data(),
                   MPI_FLOAT, comm_);
  }

  // The ring of the textbook: whole shards, scratch that stays. `own` may be its place in `values`.
  void ring_reduce_scatter(std::span<float> values, std::span<float> own,
                           std::span<const int> counts, std::span<const int> offsets) {
    const auto part = [&](int rank) { return shard(values, counts, offsets, rank); };
    std::span<float> sum = part(rank_ + size_ - 1);
    for (int step = 2; step <= size_; ++step) {
      const std::span<float> local = part(rank_ + 2 * size_ - step);
      std::vector<float>& scratch = scratch_[static_cast<std::size_t>(step % 2)];
      scratch.resize(std::max(scratch.size(), local.size()));
      const std::span<float> incoming = std::span(scratch).first(local.size());
      exchange(sum, incoming);
      sum = step == size_ ? own : incoming;
#pragma GCC ivdep
      for (std::size_t i = 0; i < local.size(); ++i) {
        sum[i] = incoming[i] + local[i];
      }
    }
  }
  void ring_all_gather(std::span<float> values, std::span<const int> counts,
                       std::span<const int> offsets) const {
    for (int step = 0; step < size_ - 1; ++step) {
      exchange(shard(values, counts, offsets, rank_ + size_ - step),
               shard(values, counts, offsets, rank_ + size_ - step - 1));
    }
  }
  void ring_all_reduce(std::span<float> values, std::span<const int> counts,
                       std::span<const int> offsets) {
    ring_reduce_scatter(values, shard(values, counts, offsets, rank_), counts, offsets);
    ring_all_gather(values, counts, offsets);
  }

 private:
  std::size_t index(int rank) const {
    return static_cast<std::size_t>(rank % size_);
  }
  std::span<float> shard(std::span<float> values, std::span<const int> counts,
                         std::span<const int> offsets, int rank) const {
    return values.subspan(static_cast<std::size_t>(offsets[index(rank)]),
                          static_cast<std::size_t>(counts[index(rank)]));
  }
  void exchange(std::span<float> outgoing, std::span<float> incoming) const {
    MPI_Sendrecv(outgoing.data(), static_cast<int>(outgoing.size()), MPI_FLOAT, (rank_ + 1) % size_,
                 0, incoming.data(), static_cast<int>(incoming.size()), MPI_FLOAT,
                 (rank_ + size_ - 1) % size_, 0, comm_, MPI_STATUS_IGNORE);
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  std::array<std::vector<float>, 2> scratch_;
};

struct Way {
  std::string name;
  std::function<void()> call;
  Times times;
};

// The ways take turns; the first one is the product's. Gives its share of the best one's speed.
double compare(const Peers& peers, const char* collective, std::int64_t bytes,
               std::vector<Way> ways) {
  // A turn of some milliseconds.
  const int calls = static_cast<int>(std::clamp<std::int64_t>((8 << 20) / bytes, 1, 64));
  for (Way& way : ways) {
    peers.time(1, way.call);
  }
  for (std::size_t turn = 0; turn < kTurns; ++turn) {
    for (Way& way : ways) {
      way.times.seconds.push_back(peers.time(calls, way.call));
    }
  }
  double best = ways.front().times.median();
  for (const Way& way : ways) {
    best = std::min(best, way.times.median());
  }
  const double share = best / ways.front().times.median();
  if (peers.rank() == 0) {
    std::printf("%-14s %8lld", collective, static_cast<long long>(bytes >> 10));
    for (const Way& way : ways) {
      std::printf(" %10.1f %10.1f", 1e6 * way.times.least(), 1e6 * way.times.median());
    }
    std::printf(" %9.2f\n", share);
    std::fflush(stdout);
  }
  return share;
}

// A row a collective; their shares of the best.
std::array<double, 3> compare_all(Communicator& world, Peers& peers, std::int64_t bytes) {
  const std::int64_t count = bytes / 4;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(peers.size()), count / peers.size());
  counts.back() += count % peers.size();
  const std::vector<int> parts(counts.begin(), counts.end());
  std::vector<int> offsets(parts.size(), 0);
  std::exclusive_scan(parts.begin(), parts.end(), offsets.begin(), 0);
  const auto rank = static_cast<std::size_t>(peers.rank());
  std::vector<float> values(static_cast<std::size_t>(count), 0.0F);
  std::vector<float> sum(static_cast<std::size_t>(parts[rank]), 0.0F);
  const Buffer all{std::span(values)};
  const Buffer own{std::span(sum)};
  const Buffer place = all.part(offsets[rank], counts[rank]);
  return {compare(peers, "all_reduce", bytes,
                  {{"own", [&] { world.all_reduce(all, ReduceOp::kSum, "bench").wait(); }, {}},
                   {"MPI", [&] { peers.mpi_all_reduce(values); }, {}},
                   {"ring", [&] { peers.ring_all_reduce(values, parts, offsets); }, {}}}),
          compare(peers, "reduce_scatter", bytes,
                  {{"own", [&] { world.reduce_scatter(all, own, counts, "bench").wait(); }, {}},
                   {"MPI", [&] { peers.mpi_reduce_scatter(values, sum, parts); }, {}},
                   {"ring", [&] { peers.ring_reduce_scatter(values, sum, parts, offsets); }, {}}}),
          compare(peers, "all_gather", bytes,
                  {{"own", [&] { world.all_gather(place, all, counts, "bench").wait(); }, {}},
                   {"MPI", [&] { peers.mpi_all_gather(values, parts, offsets); }, {}},
                   {"ring", [&] { peers.ring_all_gather(values, parts, offsets); }, {}}})};
}

int run(std::int64_t largest, std::int64_t smallest) {
  Session session;
  Communicator& world = session.world();
  if (!launched_by_mpi() || world.size() < 2) {
    std::fputs("collective_bench: start it with mpirun -n 2\n", stderr);
    return 2;
  }
  Peers peers;
  if (peers.rank() == 0) {
    std::printf("%d ranks, microseconds of a call, %zu turns\n", peers.size(), kTurns);
    std::printf("%-14s %8s %10s %10s %10s %10s %10s %10s %9s\n", "", "KiB", "own min", "median",
                "MPI min", "median", "ring min", "median", "own/best");
  }
  std::vector<double> shares;
  for (std::int64_t bytes = smallest; bytes <= largest; bytes *= 4) {
    for (const double share : compare_all(world, peers, bytes)) {
      shares.push_back(share);
    }
  }
  double logarithms = 0;
  for (const double share : shares) {
    logarithms += std::log(share);
  }
  if (peers.rank() == 0 && !shares.empty()) {
    std::printf("own/best: geometric mean %.2f, least %.2f\n",
                std::exp(logarithms / static_cast<double>(shares.size())),
                *std::min_element(shares.begin(), shares.end()));
  }
  return 0;
}

}  // namespace
}  // namespace cogent::distributed

int main(int count, char** arguments) {
  const auto kib = [&](int index, std::int64_t otherwise) {
    return (index < count ? std::strtoll(arguments[index], nullptr, 10) : otherwise) << 10;
  };
  return cogent::distributed::run(kib(1, 256 << 10), kib(2, 64));
}
