#include "core/base/fault.hpp"

#include <csignal>
#include <cstdlib>
#include <string>

namespace cogent {
namespace {

int fault_rank = 0;

}  // namespace

void set_fault_rank(int rank) {
  fault_rank = rank;
}

void fault_point(std::string_view name, std::int64_t step) {
  static const char* const wanted = std::getenv("COGENT_FAULT");
  if (wanted == nullptr) {
    return;
  }
  const std::string here = std::string(name) + ":" + std::to_string(step);
  if (wanted == here || wanted == here + ":" + std::to_string(fault_rank)) {
    std::raise(SIGKILL);
  }
}

}  // namespace cogent
