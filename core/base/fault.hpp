#pragma once

#include <cstdint>
#include <string_view>

namespace cogent {

// A named moment at which a test can kill this process, as a power cut would: where the environment
// variable COGENT_FAULT is "NAME:STEP" (or "NAME:STEP:RANK"), reaching that moment raises SIGKILL.
// Without the variable this is one comparison.
void fault_point(std::string_view name, std::int64_t step);
// Which rank this process is, for the third field.
void set_fault_rank(int rank);

}  // namespace cogent
