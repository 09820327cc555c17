#pragma once

#include "distributed/checkpoint/checkpoint_store.hpp"

#include <cstdint>
#include <string>

namespace cogent::distributed {

// One of state.counters, which has to be a whole number from 0. An Error of kCheckpoint names the
// manifest, the counter and what stands there.
std::int64_t read_counter(const CheckpointState& state, const std::string& name);

}  // namespace cogent::distributed
