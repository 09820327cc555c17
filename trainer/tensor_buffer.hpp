#pragma once

#include "core/base/error.hpp"
#include "distributed/buffer.hpp"

#include <ATen/core/Tensor.h>

namespace cogent::trainer {

// The values of a contiguous tensor as collectives take them: float32, bfloat16 or int64.
inline distributed::Buffer buffer_of(const at::Tensor& tensor) {
  using distributed::DataType;
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return {tensor.mutable_data_ptr(), tensor.numel(), DataType::kFloat32};
    case at::kBFloat16:
      return {tensor.mutable_data_ptr(), tensor.numel(), DataType::kBFloat16};
    case at::kLong:
      return {tensor.mutable_data_ptr(), tensor.numel(), DataType::kInt64};
    default:
      fail(ErrorCode::kUnexpected, "a collective is asked for values of another type");
  }
}

}  // namespace cogent::trainer
