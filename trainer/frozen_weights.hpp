#pragma once

#include "core/config/run_config.hpp"
#include "core/model/transformer.hpp"
#include "distributed/communicator.hpp"
#include "trainer/packing.hpp"
#include "trainer/shard_layout.hpp"
#include "trainer/unit_gather.hpp"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <vector>

namespace cogent::trainer {

// Weights that no update changes, on one learner: the reference policy's, or what an adapter is
// trained over, whose passes without the adapter are the reference policy's too. Whole and in
// panels, where the ops read panels; or, under shard mode `parameters` with more than one learner,
// this learner's shard alone, gathered unit by unit while a pass computes. Passes of another
// FrozenWeights or ShardedModel may not overlap with one of these. All methods marked collective
// are called by every learner in the same order.
class FrozenWeights {
 public:
  // Of model.units(), in float32 or bfloat16. Model and communicator must outlive it.
  FrozenWeights(const model::Transformer& model, distributed::Communicator& learners,
                const LearnerSettings& settings, at::ScalarType type);
  FrozenWeights(const FrozenWeights&) = delete;
  FrozenWeights& operator=(const FrozenWeights&) = delete;

  // Reads this learner's values, or all of them where they stay whole.
  void load(const model::WeightSource& source);
  // What load() made whole; undefined tensors where the learners hold shards.
  const model::ModelWeights& weights() const { return weights_; }
  // A whole copy of what the learners hold shards of, in panels. Collective.
  model::ModelWeights gather_whole() const;

  // A pass over these units, of which next() hands out one after another. Both collective where the
  // learners hold shards.
  void begin(std::vector<std::size_t> order);
  model::UnitTensors next(std::size_t unit);

  // Log-probabilities of the batch's targets, without any adapter. Collective where the learners
  // hold shards, as is its part for a learner that has no batch left.
  model::TokenLogprobs score(const PackedBatch& batch, double temperature);
  void empty_score();

 private:
  const model::Transformer& model_;
  distributed::Communicator& learners_;
  at::ScalarType type_;
  ShardLayout layout_;
  bool sharded_;
  model::ModelWeights weights_;
  std::vector<at::Tensor> shards_;  // one a unit, [shard size]; none where all is whole
  UnitGather gather_;
};

}  // namespace cogent::trainer
