#pragma once

#include "distributed/communicator.hpp"

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace cogent::distributed {

// Collective. Every rank runs its action, then all learn how each went: either all get what every
// rank's action returned, in rank order, or all throw kCheckpoint with "learner R: reason" of the
// first that failed. No rank goes on alone, and none waits for one that gave up. It is a barrier.
std::vector<std::vector<std::byte>> all_agree(
    Communicator& ranks, std::string_view what,
    const std::function<std::vector<std::byte>()>& action);

}  // namespace cogent::distributed
