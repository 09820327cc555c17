#pragma once

#include "distributed/communicator.hpp"
#include "distributed/watchdog.hpp"

#include <memory>

namespace cogent::distributed {

// Devices that a communicator over NCCL could use: 0 without a driver, without a device, or in a
// build without NCCL.
int nccl_device_count() noexcept;

struct NcclOptions {
  int device = 0;  // of this rank: its local rank modulo nccl_device_count()
  // The cudaStream_t whose earlier work a collective waits for; null: the default stream.
  void* compute_stream = nullptr;
};

// A Communicator for device memory over the ranks of another one, through which NCCL's unique id
// travels. Collective over `ranks`. Collectives run on a stream of their own; Work::wait() returns
// when the device is done, so that host and every stream may then use the values. Whether the ranks
// make the same call is not checked. kUsage in a build without NCCL. The watchdog must outlive it.
std::unique_ptr<Communicator> make_nccl_communicator(Communicator& ranks, Watchdog& watchdog,
                                                     const NcclOptions& options);

}  // namespace cogent::distributed
