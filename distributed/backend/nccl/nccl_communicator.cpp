#include "distributed/backend/nccl/nccl_communicator.hpp"

#include "core/base/error.hpp"
#include "distributed/argument_checks.hpp"
#include "distributed/backend/nccl/nccl_call.hpp"
#include "distributed/backend/nccl/nccl_handle.hpp"
#include "distributed/backoff.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace cogent::distributed {
namespace {

// A stream that does not wait for the default stream.
class CudaStream {
 public:
  CudaStream() {
    cuda_call(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking),
              "cudaStreamCreateWithFlags");
  }
  ~CudaStream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  cudaStream_t raw() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// One 32-bit integer in device memory, for the barrier.
class DeviceToken {
 public:
  DeviceToken() { cuda_call(cudaMalloc(&data_, sizeof(std::int32_t)), "cudaMalloc"); }
  ~DeviceToken() { static_cast<void>(cudaFree(data_)); }
  DeviceToken(const DeviceToken&) = delete;
  DeviceToken& operator=(const DeviceToken&) = delete;
  Buffer buffer() const { return {data_, 1, DataType::kInt32, Device::kCuda}; }

 private:
  void* data_ = nullptr;
};

// A collective on the communicator's stream. The event is recorded once all of it is queued.
class NcclWork final : public Work::State {
 public:
  NcclWork(std::shared_ptr<NcclHandle> handle, Watchdog::Watch watch)
      : handle_(std::move(handle)), watch_(std::move(watch)) {}

  void record(cudaStream_t stream) { done_.record(stream); }

  void wait() override {
    Backoff backoff;
    while (!done_.reached()) {
      handle_->check_health();
      backoff.rest();
    }
    watch_.reset();
    handle_->check_health();  // A failed or aborted collective may have let its stream go on.
  }
  // Aborting the communicator makes its kernels leave, and with them the buffers.
  void abandon() noexcept override { handle_->abort(); }

 private:
  std::shared_ptr<NcclHandle> handle_;
  std::optional<Watchdog::Watch> watch_;
  CudaEvent done_;
};

bool all_equal(std::span<const std::int64_t> counts) {
  return std::adjacent_find(counts.begin(), counts.end(), std::not_equal_to<>()) == counts.end();
}

// A group of calls, which is closed where one of them throws too: the calls behind it would
// otherwise wait in it for good.
class NcclGroup {
 public:
  NcclGroup() { nccl_call(ncclGroupStart(), "ncclGroupStart"); }
  ~NcclGroup() {
    if (open_) {
      static_cast<void>(ncclGroupEnd());
    }
  }
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;
  void end() {
    open_ = false;
    nccl_call(ncclGroupEnd(), "ncclGroupEnd");
  }

 private:
  bool open_ = true;
};

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(Communicator& ranks, Watchdog& watchdog, const NcclOptions& options)
      : rank_(ranks.rank()),
        size_(ranks.size()),
        name_(ranks.name()),
        device_(use_device(options.device)),
        compute_(static_cast<cudaStream_t>(options.compute_stream)),
        watchdog_(watchdog),
        handle_(std::make_shared<NcclHandle>(ranks, watchdog)) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  const std::string& name() const override { return name_; }

  Work all_reduce(Buffer values, ReduceOp op, std::string_view what) override {
    check_buffer(*this, "all_reduce", what, values, Device::kCuda);
    return launch("all_reduce", what, values.count, [&](ncclComm_t comm) {
      nccl_call(ncclAllReduce(values.data, values.data, static_cast<std::size_t>(values.count),
                              nccl_type(values.type), nccl_op(op), comm, stream_.raw()),
                "ncclAllReduce");
    });
  }

  Work reduce_scatter(Buffer values, Buffer own, std::span<const std::int64_t> counts,
                      std::string_view what) override {
    check_reduce_scatter(*this, what, own, values, counts, Device::kCuda);
    return launch("reduce_scatter", what, values.count, [&](ncclComm_t comm) {
      if (all_equal(counts)) {
        nccl_call(ncclReduceScatter(values.data, own.data, static_cast<std::size_t>(own.count),
                                    nccl_type(values.type), ncclSum, comm, stream_.raw()),
                  "ncclReduceScatter");
        return;
      }
      for_each_shard(counts, [&](int root, std::int64_t offset, std::size_t count) {
        nccl_call(ncclReduce(values.part(offset, 0).data, root == rank_ ? own.data : nullptr, count,
                             nccl_type(values.type), ncclSum, root, comm, stream_.raw()),
                  "ncclReduce");
      });
    });
  }

  Work all_gather(Buffer own, Buffer values, std::span<const std::int64_t> counts,
                  std::string_view what) override {
    check_all_gather(*this, what, own, values, counts, Device::kCuda);
    return launch("all_gather", what, values.count, [&](ncclComm_t comm) {
      if (all_equal(counts)) {
        nccl_call(ncclAllGather(own.data, values.data, static_cast<std::size_t>(own.count),
                                nccl_type(values.type), comm, stream_.raw()),
                  "ncclAllGather");
        return;
      }
      for_each_shard(counts, [&](int root, std::int64_t offset, std::size_t count) {
        void* to = values.part(offset, 0).data;
        nccl_call(ncclBroadcast(root == rank_ ? own.data : to, to, count, nccl_type(values.type),
                                root, comm, stream_.raw()),
                  "ncclBroadcast");
      });
    });
  }

  Work broadcast(Buffer values, int root, std::string_view what) override {
    check_buffer(*this, "broadcast", what, values, Device::kCuda);
    check_root(*this, "broadcast", what, root);
    return launch("broadcast", what, values.count, [&](ncclComm_t comm) {
      nccl_call(ncclBroadcast(values.data, values.data, static_cast<std::size_t>(values.count),
                              nccl_type(values.type), root, comm, stream_.raw()),
                "ncclBroadcast");
    });
  }

  Work barrier(std::string_view what) override {
    return launch("barrier", what, 1, [&](ncclComm_t comm) {
      const Buffer token = token_.buffer();
      nccl_call(ncclAllReduce(token.data, token.data, 1, ncclInt32, ncclMax, comm, stream_.raw()),
                "ncclAllReduce");
    });
  }

 private:
  static int use_device(int device) {
    const int devices = nccl_device_count();
    check(device >= 0 && device < devices, ErrorCode::kUsage, "device ", device,
          " cannot be used: this host has ", devices, " devices");
    cuda_call(cudaSetDevice(device), "cudaSetDevice");
    return device;
  }

  // One group of calls, a root each: shards need not be equal.
  static void for_each_shard(std::span<const std::int64_t> counts,
                             const std::function<void(int, std::int64_t, std::size_t)>& shard) {
    NcclGroup group;
    std::int64_t offset = 0;
    for (std::size_t root = 0; root < counts.size(); ++root) {
      if (counts[root] != 0) {
        shard(static_cast<int>(root), offset, static_cast<std::size_t>(counts[root]));
      }
      offset += counts[root];
    }
    group.end();
  }

  // Queues the calls behind the compute stream's work so far.
  Work launch(std::string_view call, std::string_view what, std::int64_t count,
              const std::function<void(ncclComm_t)>& calls) {
    ++sequence_;
    if (count == 0) {
      return Work();
    }
    cuda_call(cudaSetDevice(device_), "cudaSetDevice");
    ready_.record(compute_);
    cuda_call(cudaStreamWaitEvent(stream_.raw(), ready_.raw(), 0), "cudaStreamWaitEvent");
    auto work = std::make_shared<NcclWork>(
        handle_, watchdog_.watch({name_, std::string(call), std::string(what), sequence_, count},
                                 [handle = handle_] { handle->abort(); }));
    handle_->call(calls);
    work->record(stream_.raw());
    return Work(std::move(work));
  }

  const int rank_;
  const int size_;
  const std::string name_;
  const int device_;
  const cudaStream_t compute_;
  Watchdog& watchdog_;
  CudaStream stream_;
  CudaEvent ready_;
  DeviceToken token_;
  std::shared_ptr<NcclHandle> handle_;
  std::int64_t sequence_ = 0;
};

}  // namespace

int nccl_device_count() noexcept {
  int driver = 0;
  int devices = 0;
  const bool usable = cudaDriverGetVersion(&driver) == cudaSuccess && driver != 0 &&
                      cudaGetDeviceCount(&devices) == cudaSuccess;
  return usable ? devices : 0;
}

std::unique_ptr<Communicator> make_nccl_communicator(Communicator& ranks, Watchdog& watchdog,
                                                     const NcclOptions& options) {
  return std::make_unique<NcclCommunicator>(ranks, watchdog, options);
}

}  // namespace cogent::distributed
