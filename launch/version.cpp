#include "launch/version.hpp"

#include "core/model/ops/ops.hpp"

namespace cogent::launch {

std::string version_line() {
  return "cogent " COGENT_VERSION;
}

std::string build_fingerprint() {
  return version_line() + ", g++ " __VERSION__ ", ops " + model::cpu_ops().name;
}

}  // namespace cogent::launch
