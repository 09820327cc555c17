#pragma once

#include "core/config/run_config.hpp"
#include "core/model/transformer.hpp"
#include "distributed/communicator.hpp"
#include "trainer/shard_layout.hpp"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace cogent::trainer {

// Whether each learner holds its own part of the weights alone. One learner splits nothing.
bool shards_parameters(const LearnerSettings& settings, int learners);

// All units at once: `shard(unit)`, this learner's values of each, into to[unit] [unit size].
// Collective.
void gather_units(const ShardLayout& layout, distributed::Communicator& learners,
                  const std::function<at::Tensor(std::size_t)>& shard,
                  const std::vector<at::Tensor>& to);

// Weights whose units are spread over the learners, gathered one after another in the order in
// which a pass uses them. At most `prefetch` + 1 gathered units are held here, besides what the
// caller keeps.
class UnitGather {
 public:
  // shards: one a unit, this learner's values [shard size]. The references must outlive it.
  UnitGather(const model::Transformer& model, const ShardLayout& layout,
             distributed::Communicator& learners, const std::vector<at::Tensor>& shards,
             std::int64_t prefetch);

  // Begins a pass over these units and starts the first gathers. Collective, as next() is: all
  // learners begin the same passes.
  void begin(std::vector<std::size_t> order);
  // The next unit of the pass, its matrices in panels where the ops read panels. Its memory lives
  // as long as the returned tensors. Starts to gather the units behind it.
  model::UnitTensors next();

 private:
  struct Gather {
    std::size_t unit = 0;
    at::Tensor flat;
    distributed::Work work;  // ends before its memory does
  };
  void start(std::size_t unit);

  const model::Transformer& model_;
  const ShardLayout& layout_;
  distributed::Communicator& learners_;
  const std::vector<at::Tensor>& shards_;
  std::size_t prefetch_;

  std::deque<std::size_t> order_;  // not started
  std::deque<Gather> started_;
};

}  // namespace cogent::trainer
