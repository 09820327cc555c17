#include "distributed/topology.hpp"

#include "core/base/error.hpp"

#include <algorithm>

namespace cogent::distributed {

Topology Topology::separate(int world_size, int learners, int workers,
                            const std::vector<Role>& roles) {
  check(learners >= 1 && workers >= 1, ErrorCode::kUsage, "cluster.learners is ", learners,
        " and cluster.workers is ", workers, ": each must be at least 1");
  check(learners + workers == world_size, ErrorCode::kUsage, "cluster.learners (", learners,
        ") and cluster.workers (", workers, ") need ", learners + workers, " ranks, ", world_size,
        " were started: start that many, or change the counts");
  check(roles.empty() || static_cast<int>(roles.size()) == world_size, ErrorCode::kUsage,
        roles.size(), " roles are given for ", world_size, " ranks");
  const auto asking_learners = std::count(roles.begin(), roles.end(), Role::kLearner);
  const auto asking_workers = std::count(roles.begin(), roles.end(), Role::kWorker);
  check(asking_learners <= learners, ErrorCode::kUsage, asking_learners,
        " ranks ask for --role learner, cluster.learners is ", learners);
  check(asking_workers <= workers, ErrorCode::kUsage, asking_workers,
        " ranks ask for --role worker, cluster.workers is ", workers);

  Topology topology;
  for (int rank = 0; rank < static_cast<int>(roles.size()); ++rank) {
    if (roles[static_cast<std::size_t>(rank)] == Role::kLearner) {
      topology.learner_ranks_.push_back(rank);
    } else if (roles[static_cast<std::size_t>(rank)] == Role::kWorker) {
      topology.worker_ranks_.push_back(rank);
    }
  }
  for (int rank = 0; rank < world_size; ++rank) {
    if (roles.empty() || roles[static_cast<std::size_t>(rank)] == Role::kAuto) {
      auto& seats = topology.learners() < learners ? topology.learner_ranks_  //
                                                   : topology.worker_ranks_;
      seats.push_back(rank);
    }
  }
  topology.assign_seats(world_size);
  return topology;
}

Topology Topology::colocated(int world_size) {
  Topology topology = learners_only(world_size);
  topology.worker_ranks_ = topology.learner_ranks_;
  topology.assign_seats(world_size);
  return topology;
}

Topology Topology::learners_only(int world_size) {
  check(world_size >= 1, ErrorCode::kUsage, "a world of ", world_size,
        " ranks has no learner: at least 1 is needed");
  Topology topology;
  for (int rank = 0; rank < world_size; ++rank) {
    topology.learner_ranks_.push_back(rank);
  }
  topology.assign_seats(world_size);
  return topology;
}

void Topology::assign_seats(int world_size) {
  seats_.assign(static_cast<std::size_t>(world_size), Seat{});
  for (int learner = 0; learner < learners(); ++learner) {
    seats_.at(static_cast<std::size_t>(learner_rank(learner))).learner = learner;
  }
  for (int worker = 0; worker < workers(); ++worker) {
    seats_.at(static_cast<std::size_t>(worker_rank(worker))).worker = worker;
  }
}

}  // namespace cogent::distributed
