#include "tests/contract/staged_communicator.hpp"

namespace cogent::tests {

std::unique_ptr<distributed::Communicator> make_staged_nccl_communicator(std::string& absent) {
  absent = "this build is without NCCL";
  return nullptr;
}

}  // namespace cogent::tests
