#pragma once

#include "distributed/communicator.hpp"
#include "distributed/watchdog.hpp"

#include <cuda_runtime.h>
#include <nccl.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace cogent::distributed {

// An event without timing, of the current device.
class CudaEvent {
 public:
  CudaEvent();
  ~CudaEvent();
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  void record(cudaStream_t stream);
  bool reached() const;
  cudaEvent_t raw() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

// A non-blocking ncclComm_t, which the watchdog's thread may abort while another thread uses it.
class NcclHandle {
 public:
  // Collective over `ranks`. The current device becomes the communicator's.
  NcclHandle(Communicator& ranks, Watchdog& watchdog);
  ~NcclHandle();
  NcclHandle(const NcclHandle&) = delete;
  NcclHandle& operator=(const NcclHandle&) = delete;

  // Calls NCCL, and waits until the communicator has taken the calls.
  void call(const std::function<void(ncclComm_t)>& calls);
  // Throws the error of the communicator, if it has one.
  void check_health();
  // Makes collectives under way return on all devices of this process. From any thread.
  void abort() noexcept;

 private:
  ncclResult_t status();
  void settle();

  const std::string name_;
  std::timed_mutex mutex_;
  ncclComm_t comm_ = nullptr;  // guarded by mutex_; null once aborted
};

}  // namespace cogent::distributed
