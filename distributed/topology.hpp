#pragma once

#include "core/config/run_config.hpp"

#include <cstdint>
#include <vector>

namespace cogent::distributed {

enum class Role : std::uint8_t { kAuto, kLearner, kWorker };

// What one rank of the world is. Colocated: both.
struct Seat {
  int learner = -1;  // index among the learners, -1: not a learner
  int worker = -1;   // index among the workers, -1: not a worker
};

// Pure arithmetic: world size and configuration give every rank's seat, without a message. Learners
// come first unless ranks ask for roles.
class Topology {
 public:
  // Separate: ranks 0..L-1 learn, the next R draw. `roles` (empty, or one a rank; MPMD starts)
  // moves seats: the i-th rank that asks to be a learner is learner i. Throws kUsage where counts
  // do not fit, with both numbers.
  static Topology separate(int world_size, int learners, int workers,
                           const std::vector<Role>& roles = {});
  static Topology colocated(int world_size);      // every rank is learner i and worker i
  static Topology learners_only(int world_size);  // sft, replay

  int learners() const { return static_cast<int>(learner_ranks_.size()); }
  int workers() const { return static_cast<int>(worker_ranks_.size()); }
  const Seat& seat(int world_rank) const { return seats_.at(static_cast<std::size_t>(world_rank)); }
  int learner_rank(int learner) const {
    return learner_ranks_.at(static_cast<std::size_t>(learner));
  }  // world rank
  int worker_rank(int worker) const { return worker_ranks_.at(static_cast<std::size_t>(worker)); }
  // World ranks in the order of these indices.
  const std::vector<int>& learner_ranks() const { return learner_ranks_; }
  const std::vector<int>& worker_ranks() const { return worker_ranks_; }

  // Who draws, and who receives, prompt j of a step (numbered from 0).
  int worker_of_prompt(std::int64_t j) const { return static_cast<int>(j % workers()); }
  int learner_of_prompt(std::int64_t j) const { return static_cast<int>(j % learners()); }

 private:
  // From the ranks of learners and workers.
  void assign_seats(int world_size);

  std::vector<Seat> seats_;
  std::vector<int> learner_ranks_, worker_ranks_;
};

}  // namespace cogent::distributed
