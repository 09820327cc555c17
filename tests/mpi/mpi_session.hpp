#pragma once

#include "distributed/session.hpp"

namespace cogent::tests {

// The session of a test program under mpirun (tests/mpi/mpi_main.cpp makes it). Its options come
// from the environment: COGENT_TEST_MAX_COUNT (values of one MPI call) and
// COGENT_TEST_DEADLINE (seconds of one collective, default 30).
distributed::Session& mpi_session();
const distributed::SessionOptions& mpi_session_options();

}  // namespace cogent::tests
