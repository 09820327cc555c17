#include "distributed/backend/nccl/nccl_call.hpp"

#include "core/base/error.hpp"

namespace cogent::distributed {

void nccl_call(ncclResult_t status, std::string_view call) {
  check(status == ncclSuccess || status == ncclInProgress, ErrorCode::kCommunication, call,
        " failed with status ", static_cast<int>(status), ": ", ncclGetErrorString(status));
}

void cuda_call(cudaError_t status, std::string_view call) {
  check(status == cudaSuccess, ErrorCode::kCommunication, call, " failed with status ",
        static_cast<int>(status), ": ", cudaGetErrorString(status));
}

ncclDataType_t nccl_type(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return ncclFloat32;
    case DataType::kBFloat16:
      return ncclBfloat16;
    case DataType::kFloat64:
      return ncclFloat64;
    case DataType::kInt64:
      return ncclInt64;
    case DataType::kInt32:
      return ncclInt32;
    case DataType::kUint8:
      return ncclUint8;
  }
  fail(ErrorCode::kCommunication, "data type ", static_cast<int>(type), " has no NCCL type");
}

ncclRedOp_t nccl_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return ncclSum;
    case ReduceOp::kMin:
      return ncclMin;
    case ReduceOp::kMax:
      return ncclMax;
  }
  fail(ErrorCode::kCommunication, "operation ", static_cast<int>(op), " has no NCCL operation");
}

}  // namespace cogent::distributed
