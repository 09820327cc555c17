#pragma once

#include "core/config/run_config.hpp"
#include "core/model/transformer.hpp"
#include "distributed/communicator.hpp"
#include "trainer/shard_layout.hpp"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cogent::trainer {

// The sum of an update's gradients over micro-batches and learners, of which each learner ends with
// its own shard. A backward adds what one use of a unit gives into gradient_of(unit), then calls
// add(unit). A tied embedding is used twice, as the head's matrix and as the embedding.
//
// `exact` adds in 64-bit fixed point (fixed_point.hpp), each use of each micro-batch converted on
// its own: any number of learners, deal of micro-batches and shard mode gives the same bits. `fast`
// adds in float32, and may send each learner's part rounded to bfloat16, once, as
// LearnerSettings::reduce says. With more than one learner, shard mode `gradients` or `parameters`
// reduces each use at once, so that no learner holds a whole gradient; the other modes add up the
// micro-batches first and reduce with the last. Reductions run while the next unit computes.
class GradientSum {
 public:
  // The references must outlive it.
  GradientSum(const ShardLayout& layout, distributed::Communicator& learners, Numerics numerics,
              const LearnerSettings& settings);

  // Sums to zero. `conversions`: uses of a unit in this update at most, over all micro-batches and
  // learners; it sets the range of `exact`.
  void begin_update(std::int64_t conversions);
  // Where the next use of the unit is added. Other units' gradients may share the memory, but not
  // those of the first and the last unit.
  model::UnitTensors& gradient_of(std::size_t unit) { return gradients_[unit]; }
  // One use of the unit is complete, on a learner without a micro-batch with nothing added. `last`:
  // of this update on this learner. Collective as the shard mode says: all learners call it equally
  // often, in the same order, with the same `last`.
  void add(std::size_t unit, bool last);
  // Ends the additions. False, on all learners alike, where `exact` met a value that is not finite
  // or out of its range. Collective.
  bool finish();

  // Behind finish(): `count` summed values of this learner's shard from `offset` within it. `exact`
  // converts them into `scratch`, which must have as many; `fast` gives its own memory.
  std::span<const float> values(std::size_t unit, std::int64_t offset, std::int64_t count,
                                std::span<float> scratch) const;

  // Spent in the calls of this update.
  double seconds() const { return seconds_; }

 private:
  void accumulate(std::size_t unit, const at::Tensor& sums);
  void start_reduction(std::size_t unit);
  void settle();

  const ShardLayout& layout_;
  distributed::Communicator& learners_;
  bool exact_;
  bool at_once_;  // each use is reduced at once
  bool rounds_;   // what travels is bfloat16

  std::vector<model::UnitTensors> gradients_;  // one a unit: views into scratch_, or into sums_
                                               // where float32 adds up in place
  std::vector<at::Tensor> scratch_;            // one a unit: [unit size], undefined in place
  std::vector<at::Tensor>
      sums_;  // one a unit: [shard size] where reduced at once, else [unit size]
  std::vector<at::Tensor> reduced_;  // one a unit: [shard size]; undefined where sums_ is it
  at::Tensor staging_, received_;    // reduced at once: the largest unit and the largest shard
  std::vector<distributed::Work> reductions_;  // under way
  std::size_t staged_unit_ = 0;                // whose use is under way, where reduced at once
  float limit_ = 0;                            // of a value, under `exact`
  double seconds_ = 0;
  bool in_range_ = true;
};

}  // namespace cogent::trainer
