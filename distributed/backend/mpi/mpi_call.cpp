#include "distributed/backend/mpi/mpi_call.hpp"

#include "core/base/error.hpp"

#include <array>

namespace cogent::distributed {

void mpi_call(int status, std::string_view call) {
  if (status == MPI_SUCCESS) [[likely]] {
    return;
  }
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  const bool known = MPI_Error_string(status, text.data(), &length) == MPI_SUCCESS;
  fail(ErrorCode::kCommunication, call, " failed with status ", status, ": ",
       known ? std::string_view(text.data(), static_cast<std::size_t>(length)) : "no text");
}

MPI_Datatype mpi_type(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return MPI_FLOAT;
    case DataType::kBFloat16:
      return MPI_UINT16_T;  // only moved, never added by MPI
    case DataType::kFloat64:
      return MPI_DOUBLE;
    case DataType::kInt64:
      return MPI_INT64_T;
    case DataType::kInt32:
      return MPI_INT32_T;
    case DataType::kUint8:
      return MPI_UINT8_T;
  }
  fail(ErrorCode::kCommunication, "data type ", static_cast<int>(type), " has no MPI type");
}

}  // namespace cogent::distributed
