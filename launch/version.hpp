#pragma once

#include <string>

namespace cogent::launch {

// "cogent 0.1.0".
std::string version_line();
// What a resume compares: the program's version, the compiler, and which CPU kernels this machine
// runs.
std::string build_fingerprint();

}  // namespace cogent::launch
