// Stands in for the NCCL backend in a build without it.
#include "core/base/error.hpp"
#include "distributed/backend/nccl/nccl_communicator.hpp"

namespace cogent::distributed {

int nccl_device_count() noexcept {
  return 0;
}

std::unique_ptr<Communicator> make_nccl_communicator(Communicator& ranks, Watchdog&,
                                                     const NcclOptions&) {
  fail(ErrorCode::kUsage, "communicator ", ranks.name(),
       " cannot use NCCL: this build is without it, configure with -DCOGENT_NCCL=ON");
}

}  // namespace cogent::distributed
