#include "distributed/weight_channel.hpp"

#include "core/base/error.hpp"

namespace cogent::distributed {

WeightChannel::WeightChannel(Session& session, const Topology& topology) {
  if (topology.seat(topology.learner_rank(0)).worker >= 0) {
    return;  // colocated: every worker is a learner, and has the weights already
  }
  for (int learner = 0; learner < topology.learners(); ++learner) {
    std::vector<int> ranks = {topology.learner_rank(learner)};
    for (int worker = 0; worker < topology.workers(); ++worker) {
      ranks.push_back(topology.worker_rank(worker));
    }
    channels_.push_back(session.communicator(ranks, concat("weights of learner ", learner)));
  }
}

void WeightChannel::publish(const Buffer& values, std::span<const std::int64_t> bounds,
                            std::string_view what) {
  std::vector<Work> works;
  for (std::size_t r = 0; r < channels_.size(); ++r) {
    if (channels_[r] == nullptr || channels_[r]->size() == 1) {
      continue;
    }
    const std::int64_t count = bounds[r + 1] - bounds[r];
    // The sender is rank 0 of its channel.
    const Buffer part = channels_[r]->rank() == 0 ? values : values.part(bounds[r], count);
    check(part.count == count, ErrorCode::kUnexpected, "learner ", r, " publishes ", part.count,
          " values of ", what, ", its shard has ", count);
    works.push_back(channels_[r]->broadcast(part, 0, what));
  }
  for (Work& work : works) {
    work.wait();
  }
}

}  // namespace cogent::distributed
