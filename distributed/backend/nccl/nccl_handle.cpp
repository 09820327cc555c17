#include "distributed/backend/nccl/nccl_handle.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "distributed/backend/nccl/nccl_call.hpp"
#include "distributed/backoff.hpp"

#include <chrono>
#include <cstring>
#include <exception>
#include <span>
#include <utility>
#include <vector>

namespace cogent::distributed {
namespace {

// For a thread that holds the communicator inside NCCL, where the job ends anyway.
constexpr std::chrono::seconds kPatience(1);

ncclUniqueId shared_id(Communicator& ranks) {
  ncclUniqueId id{};
  if (ranks.rank() == 0) {
    nccl_call(ncclGetUniqueId(&id), "ncclGetUniqueId");
  }
  const auto bytes = broadcast_bytes(ranks, std::as_bytes(std::span(&id, 1)), 0, "NCCL's id");
  std::memcpy(&id, bytes.data(), sizeof(id));
  return id;
}

}  // namespace

CudaEvent::CudaEvent() {
  cuda_call(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
}

CudaEvent::~CudaEvent() {
  static_cast<void>(cudaEventDestroy(event_));
}

void CudaEvent::record(cudaStream_t stream) {
  cuda_call(cudaEventRecord(event_, stream), "cudaEventRecord");
}

bool CudaEvent::reached() const {
  const cudaError_t status = cudaEventQuery(event_);
  if (status == cudaErrorNotReady) {
    return false;
  }
  cuda_call(status, "cudaEventQuery");
  return true;
}

NcclHandle::NcclHandle(Communicator& ranks, Watchdog& watchdog) : name_(ranks.name()) {
  const ncclUniqueId id = shared_id(ranks);
  const auto watch = watchdog.watch({name_, "ncclCommInitRankConfig", "start-up", 0, 0});
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  nccl_call(ncclCommInitRankConfig(&comm_, ranks.size(), id, ranks.rank(), &config),
            "ncclCommInitRankConfig");
  settle();
}

NcclHandle::~NcclHandle() {
  if (std::uncaught_exceptions() > 0) {
    abort();  // The other ranks may not come to an orderly end.
  }
  try {
    if (comm_ != nullptr) {
      call([](ncclComm_t comm) { nccl_call(ncclCommFinalize(comm), "ncclCommFinalize"); });
      nccl_call(ncclCommDestroy(comm_), "ncclCommDestroy");
    }
  } catch (const std::exception& error) {
    log_warning("communicator ", name_, " was not closed: ", error.what());
    abort();
  }
}

void NcclHandle::call(const std::function<void(ncclComm_t)>& calls) {
  {
    std::lock_guard lock(mutex_);
    check(comm_ != nullptr, ErrorCode::kCommunication, "communicator ", name_, " was aborted");
    calls(comm_);
  }
  settle();
}

ncclResult_t NcclHandle::status() {
  std::lock_guard lock(mutex_);
  check(comm_ != nullptr, ErrorCode::kCommunication, "communicator ", name_, " was aborted");
  ncclResult_t result = ncclSuccess;
  nccl_call(ncclCommGetAsyncError(comm_, &result), "ncclCommGetAsyncError");
  return result;
}

void NcclHandle::check_health() {
  nccl_call(status(), concat("a collective of communicator ", name_));
}

void NcclHandle::settle() {
  Backoff backoff;
  ncclResult_t result = status();
  while (result == ncclInProgress) {
    backoff.rest();
    result = status();
  }
  nccl_call(result, concat("a call of communicator ", name_));
}

void NcclHandle::abort() noexcept {
  std::unique_lock lock(mutex_, kPatience);
  if (lock.owns_lock() && comm_ != nullptr) {
    static_cast<void>(ncclCommAbort(std::exchange(comm_, nullptr)));
  }
}

}  // namespace cogent::distributed
