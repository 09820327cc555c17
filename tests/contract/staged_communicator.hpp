#pragma once

#include "distributed/communicator.hpp"

#include <memory>
#include <string>

namespace cogent::tests {

// A communicator for device memory behind one for host memory: buffers are copied to the device,
// the call is waited for, and its results copied back. With it the contract of host buffers holds
// for NCCL too. Null, with the reason in `absent`, where there is no device for each rank.
std::unique_ptr<distributed::Communicator> make_staged_nccl_communicator(std::string& absent);

}  // namespace cogent::tests
