#include <nccl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "shared_world.hpp"
#include "stand_in_stream.hpp"

namespace {

enum Kind : std::int32_t { kAllReduce = 1, kReduceScatter, kReduce, kAllGather, kBroadcast };

std::size_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclUint8:
      return 1;
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclFloat64:
      return 8;
  }
  return 0;
}

// The bits of a bfloat16, rounded to nearest even after each operation.
struct Bfloat16 {
  std::uint16_t bits;
};
float number(Bfloat16 value) {
  const std::uint32_t wide = std::uint32_t{value.bits} << 16;
  float result = 0;
  std::memcpy(&result, &wide, sizeof result);
  return result;
}
Bfloat16 rounded(float value) {
  std::uint32_t wide = 0;
  std::memcpy(&wide, &value, sizeof wide);
  wide += 0x7fff + (wide >> 16 & 1);
  return {static_cast<std::uint16_t>(wide >> 16)};
}

template <typename T>
T combine(T a, T b, ncclRedOp_t op) {
  return op == ncclSum ? static_cast<T>(a + b) : op == ncclMin ? std::min(a, b) : std::max(a, b);
}
Bfloat16 combine(Bfloat16 a, Bfloat16 b, ncclRedOp_t op) {
  return rounded(combine(number(a), number(b), op));
}

template <typename T>
void combine_into(std::byte* into, const std::byte* from, std::size_t bytes, ncclRedOp_t op) {
  for (std::size_t at = 0; at < bytes; at += sizeof(T)) {
    T a;
    T b;
    std::memcpy(&a, into + at, sizeof a);
    std::memcpy(&b, from + at, sizeof b);
    a = combine(a, b, op);
    std::memcpy(into + at, &a, sizeof a);
  }
}

void reduce_into(std::byte* into, const std::byte* from, std::size_t bytes, ncclDataType_t type,
                 ncclRedOp_t op) {
  switch (type) {
    case ncclUint8:
      return combine_into<std::uint8_t>(into, from, bytes, op);
    case ncclInt32:
      return combine_into<std::int32_t>(into, from, bytes, op);
    case ncclInt64:
      return combine_into<std::int64_t>(into, from, bytes, op);
    case ncclFloat32:
      return combine_into<float>(into, from, bytes, op);
    case ncclFloat64:
      return combine_into<double>(into, from, bytes, op);
    case ncclBfloat16:
      return combine_into<Bfloat16>(into, from, bytes, op);
  }
}

// One collective of this rank. A broadcast, a gather or a reduction all do the same: every rank
// shows a piece of what it sends, and takes what it wants of the pieces.
struct Collective {
  SharedWorld::Call call;
  const std::byte* from = nullptr;
  std::byte* to = nullptr;

  std::size_t value_bytes() const { return size_of(static_cast<ncclDataType_t>(call.type)); }
  std::size_t bytes() const { return call.count * value_bytes(); }
};

}  // namespace

struct StandInComm {
  std::atomic<bool> aborted = false;
  std::atomic<int> state = ncclInProgress;  // an ncclResult_t
  std::unique_ptr<SharedWorld> world;
  std::thread starter;
  std::atomic<int> queued = 0;  // groups on a stream

  // One collective; false where it must not go on.
  bool run(const Collective& collective);

 private:
  bool all_reduce(const Collective& collective, int only_root);
  bool reduce_scatter(const Collective& collective);
  bool gather(const Collective& collective, int only_root);
  std::vector<std::byte> reduced_pieces(const Collective& collective, std::size_t bytes) const;
};

std::vector<std::byte> StandInComm::reduced_pieces(const Collective& collective,
                                                   std::size_t bytes) const {
  const auto first = world->piece(0);
  std::vector<std::byte> sum(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(bytes));
  for (int rank = 1; rank < world->ranks(); ++rank) {
    reduce_into(sum.data(), world->piece(rank).data(), bytes,
                static_cast<ncclDataType_t>(collective.call.type),
                static_cast<ncclRedOp_t>(collective.call.op));
  }
  return sum;
}

// only_root: the rank that wants the result; negative: all do.
bool StandInComm::all_reduce(const Collective& collective, int only_root) {
  for (std::size_t at = 0; at < collective.bytes(); at += SharedWorld::kPieceBytes) {
    const std::size_t bytes = std::min(SharedWorld::kPieceBytes, collective.bytes() - at);
    std::memcpy(world->piece(world->rank()).data(), collective.from + at, bytes);
    if (!world->meet()) {
      return false;
    }
    const std::vector<std::byte> sum = reduced_pieces(collective, bytes);
    if (!world->meet()) {
      return false;
    }
    if (only_root < 0 || only_root == world->rank()) {
      std::memcpy(collective.to + at, sum.data(), bytes);
    }
  }
  return true;
}

bool StandInComm::reduce_scatter(const Collective& collective) {
  for (int root = 0; root < world->ranks(); ++root) {
    Collective part = collective;
    part.from += collective.bytes() * static_cast<std::size_t>(root);
    if (!all_reduce(part, root)) {
      return false;
    }
  }
  return true;
}

// only_root: the rank that sends; negative: all do, and their values stand behind each other.
bool StandInComm::gather(const Collective& collective, int only_root) {
  for (std::size_t at = 0; at < collective.bytes(); at += SharedWorld::kPieceBytes) {
    const std::size_t bytes = std::min(SharedWorld::kPieceBytes, collective.bytes() - at);
    if (only_root < 0 || only_root == world->rank()) {
      std::memcpy(world->piece(world->rank()).data(), collective.from + at, bytes);
    }
    if (!world->meet()) {
      return false;
    }
    for (int rank = 0; rank < world->ranks(); ++rank) {
      if (only_root < 0) {
        std::memcpy(collective.to + collective.bytes() * static_cast<std::size_t>(rank) + at,
                    world->piece(rank).data(), bytes);
      } else if (only_root == rank) {
        std::memcpy(collective.to + at, world->piece(rank).data(), bytes);
      }
    }
    if (!world->meet()) {
      return false;
    }
  }
  return true;
}

bool StandInComm::run(const Collective& collective) {
  if (state.load() != ncclSuccess) {
    return false;
  }
  if (!world->agree(collective.call)) {
    int expected = ncclSuccess;
    state.compare_exchange_strong(expected, ncclInvalidUsage);
    return false;
  }
  std::this_thread::sleep_for(kLateness);
  switch (static_cast<Kind>(collective.call.kind)) {
    case kAllReduce:
      return all_reduce(collective, -1);
    case kReduceScatter:
      return reduce_scatter(collective);
    case kReduce:
      return all_reduce(collective, collective.call.root);
    case kAllGather:
      return gather(collective, -1);
    case kBroadcast:
      return gather(collective, collective.call.root);
  }
  return false;
}

namespace {

// The calls of this thread's group, which one communicator makes on one stream.
struct Group {
  int depth = 0;
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  std::vector<Collective> calls;
};
thread_local Group group;

void queue_group() {
  const ncclComm_t comm = group.comm;
  std::vector<Collective> calls = std::move(group.calls);
  group.calls.clear();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i].call.group = calls.size();
    calls[i].call.place = i;
  }
  ++comm->queued;
  stand_in_stream(group.stream).queue([comm, calls = std::move(calls)] {
    for (const Collective& collective : calls) {
      if (!comm->run(collective)) {
        break;
      }
    }
    --comm->queued;
  });
}

// from_bytes, to_bytes: what the call reads and writes on this rank; 0 where nothing.
ncclResult_t add(Collective collective, std::size_t from_bytes, std::size_t to_bytes,
                 ncclComm_t comm, cudaStream_t stream) {
  const bool one_stream = group.calls.empty() || (group.comm == comm && group.stream == stream);
  if (!one_stream || collective.value_bytes() == 0) {
    return ncclInvalidUsage;
  }
  if ((from_bytes != 0 && !is_device_memory(collective.from, from_bytes)) ||
      (to_bytes != 0 && !is_device_memory(collective.to, to_bytes))) {
    return ncclInvalidArgument;
  }
  group.comm = comm;
  group.stream = stream;
  group.calls.push_back(collective);
  if (group.depth == 0) {
    queue_group();
  }
  return ncclSuccess;
}

Collective collective_of(Kind kind, const void* from, void* to, std::size_t count,
                         ncclDataType_t type, int op, int root) {
  Collective collective;
  collective.call = {kind, type, op, root, count, 0, 0};
  collective.from = static_cast<const std::byte*>(from);
  collective.to = static_cast<std::byte*>(to);
  return collective;
}

void close_comm(ncclComm_t comm) {
  while (comm->queued.load() != 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  if (comm->starter.joinable()) {
    comm->starter.join();
  }
  delete comm;
}

}  // namespace

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclInProgress:
      return "operation in progress";
  }
  return "unknown error";
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const std::string name = SharedWorld::fresh_name();
  std::memset(id->internal, 0, sizeof id->internal);
  std::memcpy(id->internal, name.data(), name.size());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (config->blocking != 0 || ranks < 1 || ranks > SharedWorld::kMostRanks || rank < 0 ||
      rank >= ranks) {
    return ncclInvalidArgument;
  }
  auto* made = new StandInComm;
  made->starter = std::thread([made, ranks, rank, name = std::string(id.internal)] {
    try {
      made->world = std::make_unique<SharedWorld>(name, rank, ranks, made->aborted);
      std::this_thread::sleep_for(kLateness);
      made->state = made->world->meet() ? ncclSuccess : ncclSystemError;
    } catch (const std::exception&) {
      made->state = ncclSystemError;
    }
  });
  *comm = made;
  return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  *error = static_cast<ncclResult_t>(comm->state.load());
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  return static_cast<ncclResult_t>(comm->state.load());
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  close_comm(comm);
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  comm->aborted = true;
  close_comm(comm);
  return ncclSuccess;
}

ncclResult_t ncclGroupStart() {
  ++group.depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (group.depth == 0) {
    return ncclInvalidUsage;
  }
  if (--group.depth == 0 && !group.calls.empty()) {
    queue_group();
  }
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  const Collective all = collective_of(kAllReduce, from, to, count, type, op, 0);
  return add(all, all.bytes(), all.bytes(), comm, stream);
}

ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t own_count,
                               ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                               cudaStream_t stream) {
  const Collective own = collective_of(kReduceScatter, from, to, own_count, type, op, 0);
  return add(own, own.bytes() * static_cast<std::size_t>(comm->world->ranks()), own.bytes(), comm,
             stream);
}

ncclResult_t ncclReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream) {
  const Collective all = collective_of(kReduce, from, to, count, type, op, root);
  return add(all, all.bytes(), comm->world->rank() == root ? all.bytes() : 0, comm, stream);
}

ncclResult_t ncclAllGather(const void* from, void* to, std::size_t own_count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  const Collective own = collective_of(kAllGather, from, to, own_count, type, 0, 0);
  return add(own, own.bytes(), own.bytes() * static_cast<std::size_t>(comm->world->ranks()), comm,
             stream);
}

ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           int root, ncclComm_t comm, cudaStream_t stream) {
  const Collective all = collective_of(kBroadcast, from, to, count, type, 0, root);
  return add(all, comm->world->rank() == root ? all.bytes() : 0, all.bytes(), comm, stream);
}
