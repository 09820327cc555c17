#pragma once

#include "distributed/buffer.hpp"

#include <mpi.h>

#include <string_view>

namespace cogent::distributed {

// Every call of MPI that can fail goes through here: a status other than success is a
// kCommunication with the call's name and MPI's own words.
void mpi_call(int status, std::string_view call);

MPI_Datatype mpi_type(DataType type);

}  // namespace cogent::distributed
