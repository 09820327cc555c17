#pragma once

#include "distributed/communicator.hpp"

#include <cuda_runtime.h>
#include <nccl.h>

#include <string_view>

namespace cogent::distributed {

// Every call of NCCL and of the CUDA runtime that can fail goes through these two: a failure is a
// kCommunication with the call's name and the library's own words. A non-blocking NCCL call that is
// still in progress has not failed.
void nccl_call(ncclResult_t status, std::string_view call);
void cuda_call(cudaError_t status, std::string_view call);

ncclDataType_t nccl_type(DataType type);
ncclRedOp_t nccl_op(ReduceOp op);

}  // namespace cogent::distributed
