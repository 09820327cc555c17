#pragma once

#include "core/config/run_config.hpp"
#include "core/model/transformer.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"
#include "distributed/communicator.hpp"
#include "trainer/frozen_weights.hpp"
#include "trainer/gradient_sum.hpp"
#include "trainer/packing.hpp"
#include "trainer/shard_layout.hpp"
#include "trainer/unit_gather.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace cogent::trainer {

// What the backward of one packed batch needs of its forward.
struct BatchActivations {
  model::RowPlan plan;
  std::vector<model::BlockActivations> blocks;  // under recompute: each one's input x alone
  model::HeadActivations head;
  model::UnitTensors head_weights;
  at::Tensor head_matrix;
};

struct UpdateResult {
  double grad_norm = 0;  // before clipping; infinite where a value was past the range of `exact`
  bool applied = false;  // false: a gradient was not finite or past that range, nothing changed
  // Of the whole update on this learner: adding its gradients up beside the passes, and what
  // follows: norm, AdamW, and the weights made whole again.
  double reduction_seconds = 0, optimizer_seconds = 0;
};

// Throws kUsage where `numerics: exact` is asked of a CPU or of ops that cannot give it.
void check_numerics(Numerics numerics, const model::Transformer& model);

// The policy on one learner. Its shard of AdamW's moments is always its own alone; shard mode
// `gradients` splits the sum of gradients too, and `parameters` the weights, which are then
// gathered unit by unit while a pass computes (`none` runs the code of `optimizer`; one learner
// splits nothing). With bfloat16 weights this learner's shard of them is a float32 master, and what
// passes compute with, and workers are given, is its rounding. With LoRA all that is said here of
// weights, gradients and shards is of the float32 adapter alone, which is whole on every learner in
// every mode; the frozen weights under it, of either type, are those that `parameters` splits. One
// update is begin_update, then as many slots on each learner, each a forward and a backward of one
// micro-batch or an empty_slot, then apply.
class ShardedModel {
 public:
  // Model and communicator must outlive it. All methods marked collective are called by every
  // learner in the same order.
  ShardedModel(const model::Transformer& model, distributed::Communicator& learners,
               const LearnerSettings& settings, Numerics numerics,
               at::ScalarType weight_type = at::kFloat);

  // `adapter`: the values of model.lora()'s parameters; null where LoRA is off.
  void load(const model::WeightSource& source, const model::Adapter* adapter = nullptr);
  // Whether a learner holds its own part of the weights alone, outside a WholeWeights.
  bool gathers_units() const { return gathers_units_; }
  // What an adapter is trained over; null without LoRA.
  FrozenWeights* frozen() { return frozen_ ? &*frozen_ : nullptr; }
  // All weights as they are computed with, where they are whole. For who computes with them and
  // leaves their values as they were (model::PanelScope).
  const model::ModelWeights& weights() const { return weights_; }
  model::ModelWeights& weights() { return weights_; }
  // This learner's shard of a unit's float32 weights, and what is computed with of it.
  std::span<float> own_weights(std::size_t unit) const;
  distributed::Buffer computed_weights(std::size_t unit) const;
  const ShardLayout& layout() const { return layout_; }
  std::int64_t updates() const { return updates_; }  // applied so far: AdamW's t

  // Log-probabilities of the batch's targets, without keeping anything. Collective where units are
  // gathered, as is its part for a learner that has no batch left.
  model::TokenLogprobs score(const PackedBatch& batch, double temperature);
  void empty_score();

  // Gradients to zero. `micro_batches`: of the whole update, over all learners.
  void begin_update(std::int64_t micro_batches);
  // Collective where units are gathered.
  model::TokenLogprobs forward(const PackedBatch& batch, double temperature,
                               BatchActivations& saved);
  // dlogprob [trained tokens]: d loss / d logprob; dentropy the same of the entropies, or undefined
  // for none. Adds to the gradients and uses `saved` up.
  // `last`: of this update's slots, the same for all learners. Collective where `last`, and under
  // `gradients` and `parameters`.
  void backward(BatchActivations& saved, const at::Tensor& dlogprob, const at::Tensor& dentropy,
                bool last);
  // The collectives of a forward and a backward, for a learner whose slot has no micro-batch.
  void empty_slot(bool last);
  // Ends the sum of gradients over the learners, clips by global norm, updates this shard and makes
  // the weights whole again where they are. Collective.
  UpdateResult apply(const OptimizerSettings& settings, double lr);

  // XXH3-64 over the XXH3-64 of every leaf's float32 values in canonical order: equal weights have
  // equal hashes, whatever the number of learners. Collective.
  std::uint64_t weights_xxh3();

  // This learner's part of a checkpoint. Valid until the next update.
  std::map<distributed::ShardKind, std::vector<distributed::ShardView>> checkpoint_shards() const;
  // Continues from a checkpoint, whatever number of learners wrote it. Collective.
  void restore(distributed::CheckpointStore& store, const distributed::CheckpointState& state);

 private:
  friend class WholeWeights;
  void gather_whole();   // collective
  void release_whole();  // where parameters are sharded
  void put_base(const model::ModelWeights& base);
  void allocate();
  bool rounds() const { return weight_type_ == at::kBFloat16 && !model_.lora().on(); }
  at::Tensor computed_shard(std::size_t unit) const;
  void round_own_weights();
  // Behind a change of own_weights: rounds them, and makes the weights whole where they are kept
  // so. Collective.
  void share_weights();

  void gather_trained();  // collective

  void skip_frozen_gradients();
  void begin_pass(std::vector<std::size_t> order);
  std::vector<std::size_t> slot_order() const;
  model::UnitTensors next_unit(std::size_t unit);
  std::size_t head() const { return layout_.units().size() - 1; }
  // Calls `use(i, offset, gradient)` for every leaf i of this learner's shard of the unit, on the
  // compute threads: where its values begin in the shard, and its summed gradient.
  template <typename Use>
  void for_each_own_leaf(std::size_t unit, const Use& use) const;
  double gradient_norm();  // collective
  void update_shard(const OptimizerSettings& settings, double lr, double norm);
  // This learner's values of every kind, as what is written (ShardView) or read into (ShardTarget).
  template <typename Entry>
  std::map<distributed::ShardKind, std::vector<Entry>> own_entries() const;

  const model::Transformer& model_;
  distributed::Communicator& learners_;
  ShardLayout layout_;
  bool gathers_units_;
  bool shards_weights_;  // the trained ones
  bool recomputes_;
  at::ScalarType weight_type_;
  std::optional<FrozenWeights> frozen_;  // with LoRA
  model::ModelWeights weights_;          // undefined tensors where parameters are sharded
  // One a unit, this learner's: float32, where parameters are sharded or the others are rounded;
  // and rounded, where both.
  std::vector<at::Tensor> weight_shards_, rounded_shards_;
  std::vector<at::Tensor> exp_avg_, exp_avg_sq_;  // one a unit: this learner's shard
  GradientSum gradients_;
  UnitGather gather_;
  std::int64_t updates_ = 0;
};

// All weights of the policy on every learner, for a phase that reads them whole (sampling by ranks
// that are learners too, evaluation, scoring); freed again at its end. Costs nothing where the
// learners hold them anyway. Begins collectively; no update may run inside it.
class WholeWeights {
 public:
  explicit WholeWeights(ShardedModel& policy);
  ~WholeWeights();
  WholeWeights(const WholeWeights&) = delete;
  WholeWeights& operator=(const WholeWeights&) = delete;

 private:
  ShardedModel* gathered_;  // null where nothing was gathered
};

}  // namespace cogent::trainer
