#include "distributed/backend/mpi/mpi_communicator.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/base/log.hpp"
#include "distributed/argument_checks.hpp"
#include "distributed/backend/mpi/mpi_call.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

namespace cogent::distributed {
namespace {

enum class Collective : std::uint8_t {
  kAllReduce,
  kReduceScatter,
  kAllGather,
  kBroadcast,
  kBarrier,
  kSubset
};

// The ring's messages have tag 0.
constexpr int kMeetingTag = 1;

std::int64_t kind_of(Collective collective, DataType type, int detail) {
  return static_cast<std::int64_t>(collective) | static_cast<std::int64_t>(type) << 8 |
         static_cast<std::int64_t>(detail) << 16;
}

template <typename T>
std::int64_t digest_of(std::span<const T> values) {
  return static_cast<std::int64_t>(xxh3(std::as_bytes(values)));
}

}  // namespace

MpiCommunicator::MpiCommunicator(MpiThread& thread, Watchdog& watchdog, MPI_Comm comm,
                                 std::string name, std::int64_t max_count)
    : thread_(thread),
      watchdog_(watchdog),
      comm_(comm),
      name_(std::move(name)),
      max_count_(max_count),
      ring_(comm, max_count) {}

MpiCommunicator::~MpiCommunicator() {
  if (std::uncaught_exceptions() > 0) {
    return;  // The job is ending, and the other ranks may not come to free theirs.
  }
  try {
    thread_
        .post([comm = comm_](const Completion&) {
          MPI_Comm freed = comm;
          mpi_call(MPI_Comm_free(&freed), "MPI_Comm_free");
        })
        ->wait();
  } catch (const std::exception& error) {
    log_warning("communicator ", name_, " could not be freed: ", error.what());
  }
}

Work MpiCommunicator::all_reduce(Buffer values, ReduceOp op, std::string_view what) {
  check_buffer(*this, "all_reduce", what, values, Device::kHost);
  return start({.name = "all_reduce",
                .what = std::string(what),
                .kind = kind_of(Collective::kAllReduce, values.type, static_cast<int>(op)),
                .count = values.count},
               [=, this] { ring_.all_reduce(values, op); });
}

Work MpiCommunicator::reduce_scatter(Buffer values, Buffer own,
                                     std::span<const std::int64_t> counts, std::string_view what) {
  check_reduce_scatter(*this, what, own, values, counts, Device::kHost);
  return start(
      {.name = "reduce_scatter",
       .what = std::string(what),
       .kind = kind_of(Collective::kReduceScatter, values.type, static_cast<int>(own.type)),
       .count = values.count,
       .digest = digest_of(counts)},
      [=, this, each = std::vector(counts.begin(), counts.end())] {
        if (own.type == values.type) {
          ring_.reduce_scatter(values, own.data, each, ReduceOp::kSum);
          return;
        }
        ring_.reduce_scatter_widened(
            values, {static_cast<float*>(own.data), static_cast<std::size_t>(own.count)}, each);
      });
}

Work MpiCommunicator::all_gather(Buffer own, Buffer values, std::span<const std::int64_t> counts,
                                 std::string_view what) {
  check_all_gather(*this, what, own, values, counts, Device::kHost);
  return start({.name = "all_gather",
                .what = std::string(what),
                .kind = kind_of(Collective::kAllGather, values.type, 0),
                .count = values.count,
                .digest = digest_of(counts)},
               [=, this, each = std::vector(counts.begin(), counts.end())] {
                 const auto offset = static_cast<std::size_t>(shard_offset(each, rank()));
                 auto* place = static_cast<std::byte*>(values.data) + offset * size_of(values.type);
                 if (own.count != 0 && place != own.data) {
                   std::memmove(place, own.data, own.bytes());
                 }
                 ring_.all_gather(values, each);
               });
}

Work MpiCommunicator::broadcast(Buffer values, int root, std::string_view what) {
  check_buffer(*this, "broadcast", what, values, Device::kHost);
  check_root(*this, "broadcast", what, root);
  return start({.name = "broadcast",
                .what = std::string(what),
                .kind = kind_of(Collective::kBroadcast, values.type, root),
                .count = values.count},
               [=, this] { ring_.broadcast(values, root); });
}

Work MpiCommunicator::barrier(std::string_view what) {
  return start({.name = "barrier",
                .what = std::string(what),
                .kind = kind_of(Collective::kBarrier, DataType::kUint8, 0)},
               [] {});
}

std::unique_ptr<Communicator> MpiCommunicator::subset(std::span<const int> ranks,
                                                      const std::string& name) {
  std::vector<int> sorted(ranks.begin(), ranks.end());
  std::sort(sorted.begin(), sorted.end());
  check(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(), ErrorCode::kCommunication,
        "communicator ", name, " names a rank twice");
  check(sorted.empty() || (sorted.front() >= 0 && sorted.back() < size()),
        ErrorCode::kCommunication, "communicator ", name, " names ranks from ",
        sorted.empty() ? 0 : sorted.front(), " to ", sorted.empty() ? 0 : sorted.back(), ", ",
        name_, " has ", size(), " ranks");
  const auto place = std::find(ranks.begin(), ranks.end(), rank());
  const bool member = place != ranks.end();
  std::unique_ptr<Communicator> made;
  start({.name = "communicator",
         .what = name,
         .kind = kind_of(Collective::kSubset, DataType::kInt32, 0),
         .count = static_cast<std::int64_t>(ranks.size()),
         .digest = digest_of(ranks)},
        [&] {
          MPI_Comm comm = MPI_COMM_NULL;
          mpi_call(MPI_Comm_split(comm_, member ? 0 : MPI_UNDEFINED,
                                  static_cast<int>(place - ranks.begin()), &comm),
                   "MPI_Comm_split");
          if (member) {
            mpi_call(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
            made = std::make_unique<MpiCommunicator>(thread_, watchdog_, comm, name, max_count_);
          }
        })
      .wait();
  return made;
}

void MpiCommunicator::close() {
  thread_
      .post([this](const Completion&) {
        const auto watch = watchdog_.watch({name_, "send", "last messages", sequence_, 0});
        thread_.flush_messages();
      })
      ->wait();
  barrier("end of the session").wait();
}

Work MpiCommunicator::start(Call call, std::function<void()> move) {
  return Work(
      thread_.post([this, call = std::move(call), move = std::move(move)](const Completion& task) {
        ++sequence_;
        const auto watch = watchdog_.watch({name_, call.name, call.what, sequence_, call.count});
        meet(call, task);
        move();
      }));
}

void MpiCommunicator::meet(const Call& call, const Completion& task) {
  if (size() == 1) {
    return;
  }
  // The least of a value and of its complement give both ends of what the ranks bring. On the heap,
  // because MPI may still use it after the collective was given up.
  struct Meeting {
    std::array<std::int64_t, 6> known, heard;
  };
  auto meeting = std::make_unique<Meeting>(
      Meeting{{call.kind, call.count, call.digest, ~call.kind, ~call.count, ~call.digest}, {}});
  auto& [known, heard] = *meeting;
  try {
    // Dissemination: each round doubles the ranks of which a rank knows. That it may hear of one
    // twice does not matter to the least, so any number of ranks will do.
    for (int distance = 1; distance < size(); distance *= 2) {
      MPI_Request receive = MPI_REQUEST_NULL;
      MPI_Request send = MPI_REQUEST_NULL;
      const int count = static_cast<int>(known.size());
      mpi_call(MPI_Irecv(heard.data(), count, MPI_INT64_T, (rank() + size() - distance) % size(),
                         kMeetingTag, comm_, &receive),
               "MPI_Irecv");
      mpi_call(MPI_Isend(known.data(), count, MPI_INT64_T, (rank() + distance) % size(),
                         kMeetingTag, comm_, &send),
               "MPI_Isend");
      thread_.wait_for(receive, task);
      thread_.wait_for(send, task);
      std::ranges::transform(known, heard, known.begin(),
                             [](std::int64_t a, std::int64_t b) { return std::min(a, b); });
    }
  } catch (...) {
    static_cast<void>(meeting.release());
    throw;
  }
  const auto& [kind, count, digest, kind_end, count_end, digest_end] = known;
  const auto agreed = [](std::int64_t low, std::int64_t high) { return low == ~high; };
  if (agreed(kind, kind_end) && agreed(count, count_end) && agreed(digest, digest_end)) {
    return;
  }
  const std::string subject = concat("rank ", rank(), ": ", call.name, " ", sequence_, " \"",
                                     call.what, "\" of communicator ", name_, ": ");
  check(agreed(kind, kind_end), ErrorCode::kCommunication, subject,
        "the ranks make different calls, or with other types, operations or roots");
  check(agreed(count, count_end), ErrorCode::kCommunication, subject, "this rank has ", call.count,
        " values, the ranks have ", count, " to ", ~count_end);
  check(agreed(digest, digest_end), ErrorCode::kCommunication, subject,
        "the ranks give different lists for the same ", call.count, " values");
}

}  // namespace cogent::distributed
