#pragma once

#include "core/config/run_config.hpp"
#include "core/model/transformer.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"
#include "distributed/communicator.hpp"
#include "trainer/packing.hpp"
#include "trainer/shard_layout.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace cogent::trainer {

// When a backward hands its units' gradients to the learners' reduction.
enum class Reduce { kLater, kUnitByUnit };

// What the backward of one packed batch needs of its forward.
struct BatchActivations {
  model::RowPlan plan;
  std::vector<model::BlockActivations> blocks;
  model::HeadActivations head;
};

struct UpdateResult {
  double grad_norm = 0;  // before clipping
  bool applied = false;  // false: a gradient was not finite, nothing changed
};

// Row plan of a packed batch.
model::RowPlan plan_of(const model::Transformer& model, const PackedBatch& batch);

// Log-probabilities of the batch's targets under any weights, without keeping anything.
model::TokenLogprobs score(const model::Transformer& model, const model::ModelWeights& weights,
                           const PackedBatch& batch, double temperature);

// The policy on one learner: a full replica of weights and gradients, and this learner's shard of
// AdamW's moments (shard mode `optimizer`; `none` is the same with one learner). One update is
// begin_update, then for every micro-batch forward and backward, then apply. The order of additions
// is that of the micro-batches; reductions run on the communicator while earlier units are still
// computing.
class ShardedModel {
 public:
  // Both must outlive the model. All methods marked collective are called by every learner in the
  // same order.
  ShardedModel(const model::Transformer& model, distributed::Communicator& learners);

  void load(const model::WeightSource& source);
  const model::ModelWeights& weights() const { return weights_; }
  // For who computes with them and leaves their values as they were (model::PanelScope).
  model::ModelWeights& weights() { return weights_; }
  const ShardLayout& layout() const { return layout_; }
  std::int64_t updates() const { return updates_; }  // applied so far: AdamW's t

  void begin_update();  // gradients to zero
  model::TokenLogprobs forward(const PackedBatch& batch, double temperature,
                               BatchActivations* saved) const;
  // dlogprob [trained tokens]: d loss / d logprob. Adds to the gradients. Collective with
  // kUnitByUnit.
  void backward(const BatchActivations& saved, const at::Tensor& dlogprob, Reduce reduce);
  // The reduction of a learner whose last slot is empty: the same collectives as backward(...,
  // kUnitByUnit). Collective.
  void reduce_gradients();
  // Sums the gradients over the learners, clips by global norm, updates this shard, gathers the
  // weights. Collective.
  UpdateResult apply(const OptimizerSettings& settings, double lr);

  // XXH3-64 over the XXH3-64 of every leaf's float32 values in canonical order: equal weights have
  // equal hashes, whatever the number of learners. Collective.
  std::uint64_t weights_xxh3();

  // This learner's part of a checkpoint. Valid until the next update.
  std::map<distributed::ShardKind, std::vector<distributed::ShardView>> checkpoint_shards() const;
  // Continues from a checkpoint, whatever number of learners wrote it. Collective.
  void restore(distributed::CheckpointStore& store, const distributed::CheckpointState& state);

  // After a backward and before apply: the summed gradient of one parameter, for tests and oracles.
  // One learner only.
  const model::ModelWeights& gradients() const { return gradients_; }

 private:
  // This learner's values of every kind, as what is written (ShardView) or read into (ShardTarget).
  template <typename Entry>
  std::map<distributed::ShardKind, std::vector<Entry>> own_entries() const;
  void start_reduction(std::size_t unit);
  std::span<float> own_shard(const at::Tensor& unit_flat, std::size_t unit) const;
  std::span<const float> own_gradient(std::size_t unit) const;
  void gather_weights();

  const model::Transformer& model_;
  distributed::Communicator& learners_;
  ShardLayout layout_;
  model::ModelWeights weights_, gradients_;
  std::vector<at::Tensor> exp_avg_, exp_avg_sq_;  // one a unit: this learner's shard
  std::vector<at::Tensor>
      reduced_;  // one a unit: the summed gradient of this shard; undefined with one learner
  std::vector<distributed::Work> reductions_;
  std::int64_t updates_ = 0;
};

}  // namespace cogent::trainer
