#pragma once

#include "distributed/communicator.hpp"
#include "distributed/session.hpp"
#include "distributed/topology.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace cogent::distributed {

// The way of a policy version from the learners to the workers: each learner broadcasts its own
// shard to all workers, so that no rank gathers a second full copy.
class WeightChannel {
 public:
  // Collective over the world.
  WeightChannel(Session& session, const Topology& topology);

  // One flat buffer of weights, of which learner r sends, and every worker receives, the values
  // [bounds[r], bounds[r + 1]). `values`: a learner's own part, a worker's whole buffer, of one
  // type. Collective over learners and workers; nothing to do where there are no workers apart.
  void publish(const Buffer& values, std::span<const std::int64_t> bounds, std::string_view what);

 private:
  std::vector<std::unique_ptr<Communicator>>
      channels_;  // one a learner: it and the workers; null where this rank is not part
};

}  // namespace cogent::distributed
