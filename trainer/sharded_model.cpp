#include "trainer/sharded_model.hpp"

#include "core/base/error.hpp"
#include "core/model/adapted_weights.hpp"
#include "trainer/scoring.hpp"
#include "trainer/tensor_buffer.hpp"

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <utility>

namespace cogent::trainer {
namespace {

std::span<float> values_of(const at::Tensor& flat) {
  return {flat.mutable_data_ptr<float>(), static_cast<std::size_t>(flat.numel())};
}

}  // namespace

void check_numerics(Numerics numerics, const model::Transformer& model) {
  check(numerics != Numerics::kExact || model.ops().activations == at::kFloat, ErrorCode::kUsage,
        "numerics is exact, which needs computation in float32: set numerics: fast, or "
        "model.compute: float32");
  check(numerics != Numerics::kExact || model.rows_are_independent(), ErrorCode::kUsage,
        "numerics is exact, which needs a CPU with AVX2 and FMA (this one runs the ",
        model.ops().name, " kernels): set numerics: fast");
}

ShardedModel::ShardedModel(const model::Transformer& model, distributed::Communicator& learners,
                           const LearnerSettings& settings, Numerics numerics,
                           at::ScalarType weight_type)
    : model_(model),
      learners_(learners),
      layout_(model.trained_units(), learners.size()),
      gathers_units_(shards_parameters(settings, learners.size())),
      shards_weights_(gathers_units_ && !model.lora().on()),
      recomputes_(settings.recompute == Recompute::kFull),
      weight_type_(weight_type),
      gradients_(layout_, learners, numerics, settings),
      gather_(model, layout_, learners, rounds() ? rounded_shards_ : weight_shards_,
              settings.prefetch) {
  check_numerics(numerics, model);
  if (model.lora().on()) {
    frozen_.emplace(model, learners, settings, weight_type);
  }
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::int64_t size = layout_.counts(unit)[static_cast<std::size_t>(learners.rank())];
    exp_avg_.push_back(at::zeros({size}, at::kFloat));
    exp_avg_sq_.push_back(at::zeros({size}, at::kFloat));
  }
  allocate();
}

void ShardedModel::allocate() {
  if (frozen_) {
    skip_frozen_gradients();  // the weights come with load()
    return;
  }
  if (shards_weights_) {
    release_whole();
  } else {
    weights_ = model::allocate_weights(layout_.units(), weight_type_);
  }
  for (const at::Tensor& shard : exp_avg_) {
    if (shards_weights_ || rounds()) {
      weight_shards_.push_back(at::zeros_like(shard));
    }
    if (shards_weights_ && rounds()) {
      rounded_shards_.push_back(at::zeros(shard.sizes(), weight_type_));
    }
  }
}

// A unit's frozen parameters stand in front of the adapter's: their gradients are not defined.
void ShardedModel::skip_frozen_gradients() {
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    model::UnitTensors& gradient = gradients_.gradient_of(unit);
    gradient.insert(gradient.begin(), model_.units()[unit].parameters.size(), at::Tensor());
  }
}

void ShardedModel::load(const model::WeightSource& source, const model::Adapter* adapter) {
  check(model_.lora().on() == (adapter != nullptr), ErrorCode::kUnexpected,
        "a policy of LoRA rank ", model_.lora().rank, " is loaded ",
        adapter == nullptr ? "without" : "with", " an adapter");
  if (adapter != nullptr) {
    frozen_->load(source);
    weights_ = model::with_adapter(model_, frozen_->weights(), *adapter);
    return;
  }
  if (!shards_weights_) {
    weights_ = {};  // first: both would be twice the memory
    weights_ = model::load_weights(source, weight_type_);
  }
  if (weight_shards_.empty()) {
    return;
  }
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    read_shard(layout_, unit, learners_.rank(), source, own_weights(unit));
  }
  round_own_weights();
}

std::span<float> ShardedModel::own_weights(std::size_t unit) const {
  return values_of(weight_shards_.empty() ? computed_shard(unit) : weight_shards_[unit]);
}

at::Tensor ShardedModel::computed_shard(std::size_t unit) const {
  if (shards_weights_) {
    return rounds() ? rounded_shards_[unit] : weight_shards_[unit];
  }
  const auto rank = static_cast<std::size_t>(learners_.rank());
  return weights_.trained()[unit].narrow(0, layout_.bounds(unit)[rank], layout_.counts(unit)[rank]);
}

distributed::Buffer ShardedModel::computed_weights(std::size_t unit) const {
  return buffer_of(computed_shard(unit));
}

void ShardedModel::round_own_weights() {
  for (std::size_t unit = 0; rounds() && unit < layout_.units().size(); ++unit) {
    model::round_weights(own_weights(unit), computed_shard(unit));
  }
}

void ShardedModel::share_weights() {
  round_own_weights();
  if (!shards_weights_) {
    gather_trained();
  }
}

// The order in which a slot's forward and backward use the units.
std::vector<std::size_t> ShardedModel::slot_order() const {
  std::vector<std::size_t> order = forward_order(model_.config());
  for (std::size_t unit = head() - 1; unit > 0; --unit) {
    order.push_back(unit);
  }
  return order;
}

void ShardedModel::begin_pass(std::vector<std::size_t> order) {
  if (shards_weights_) {
    gather_.begin(std::move(order));
  } else if (gathers_units_) {
    frozen_->begin(std::move(order));
  }
}

model::UnitTensors ShardedModel::next_unit(std::size_t unit) {
  if (shards_weights_) {
    return gather_.next();
  }
  model::UnitTensors weights = weights_.units[unit];
  if (gathers_units_) {
    std::ranges::copy(frozen_->next(unit), weights.begin());  // in front of the adapter's
  }
  return weights;
}

model::TokenLogprobs ShardedModel::score(const PackedBatch& batch, double temperature) {
  begin_pass(forward_order(model_.config()));
  return trainer::score(
      model_, [&](std::size_t unit) { return next_unit(unit); }, batch, temperature);
}

void ShardedModel::empty_score() {
  const std::vector<std::size_t> order = forward_order(model_.config());
  begin_pass(order);
  for (const std::size_t unit : order) {
    next_unit(unit);
  }
}

void ShardedModel::begin_update(std::int64_t micro_batches) {
  gradients_.begin_update(micro_batches * (model_.config().tied_embeddings ? 2 : 1));
}

model::TokenLogprobs ShardedModel::forward(const PackedBatch& batch, double temperature,
                                           BatchActivations& saved) {
  begin_pass(slot_order());
  saved.plan = plan_of(model_, batch);
  saved.blocks.resize(static_cast<std::size_t>(model_.config().num_layers));
  at::Tensor x = model_.embed(next_unit(0), saved.plan);
  for (std::size_t layer = 0; layer < saved.blocks.size(); ++layer) {
    model::BlockActivations& kept = saved.blocks[layer];
    const at::Tensor y = model_.block(static_cast<std::int64_t>(layer), next_unit(layer + 1),
                                      saved.plan, x, nullptr, recomputes_ ? nullptr : &kept);
    kept.x = x;
    x = y;
  }
  saved.head_weights = next_unit(head());
  saved.head_matrix = model_.config().tied_embeddings ? next_unit(0)[0] : saved.head_weights[1];
  return model_.head(saved.head_weights, saved.head_matrix, x, batch.trained_rows, batch.targets,
                     temperature, &saved.head);
}

void ShardedModel::backward(BatchActivations& saved, const at::Tensor& dlogprob,
                            const at::Tensor& dentropy, bool last) {
  const bool tied = model_.config().tied_embeddings;
  at::Tensor head_matrix_gradient =
      tied ? gradients_.gradient_of(0)[0] : gradients_.gradient_of(head())[1];
  at::Tensor dx =
      model_.head_backward(saved.head_weights, saved.head_matrix, saved.head, dlogprob, dentropy,
                           saved.plan.rows(), gradients_.gradient_of(head()), head_matrix_gradient);
  saved.head_weights.clear();
  saved.head_matrix.reset();
  gradients_.add(head(), last);
  if (tied) {
    gradients_.add(0, false);
  }
  for (std::size_t unit = saved.blocks.size(); unit > 0; --unit) {
    const model::UnitTensors weights = next_unit(unit);
    model::BlockActivations block = std::move(saved.blocks[unit - 1]);
    if (recomputes_) {
      model_.block(static_cast<std::int64_t>(unit - 1), weights, saved.plan, at::Tensor(block.x),
                   nullptr, &block);
    }
    dx = model_.block_backward(weights, saved.plan, block, dx, gradients_.gradient_of(unit));
    gradients_.add(unit, last);
  }
  model_.embed_backward(dx, saved.plan, gradients_.gradient_of(0));
  gradients_.add(0, last);
}

void ShardedModel::empty_slot(bool last) {
  const bool tied = model_.config().tied_embeddings;
  begin_pass(slot_order());
  for (const std::size_t unit : forward_order(model_.config())) {
    next_unit(unit);
  }
  gradients_.add(head(), last);
  if (tied) {
    gradients_.add(0, false);
  }
  for (std::size_t unit = head() - 1; unit > 0; --unit) {
    next_unit(unit);
    gradients_.add(unit, last);
  }
  gradients_.add(0, last);
}

void ShardedModel::gather_trained() {
  if (learners_.size() > 1) {
    gather_units(
        layout_, learners_, [&](std::size_t unit) { return computed_shard(unit); },
        weights_.trained());
  }
}

// With LoRA: the frozen parameters stand in front of the adapter's.
void ShardedModel::put_base(const model::ModelWeights& base) {
  weights_.flat = base.flat;
  for (std::size_t unit = 0; unit < base.units.size(); ++unit) {
    std::ranges::copy(base.units[unit], weights_.units[unit].begin());
  }
}

void ShardedModel::gather_whole() {
  if (frozen_) {
    put_base(frozen_->gather_whole());
    return;
  }
  weights_ = model::allocate_weights(layout_.units(), weight_type_);
  gather_trained();
}

void ShardedModel::release_whole() {
  if (frozen_) {
    put_base(frozen_->weights());
    return;
  }
  weights_.flat.assign(layout_.units().size(), at::Tensor());
  weights_.units.assign(layout_.units().size(), model::UnitTensors());
}

WholeWeights::WholeWeights(ShardedModel& policy)
    : gathered_(policy.gathers_units() && !policy.weights().flat.front().defined() ? &policy
                                                                                   : nullptr) {
  if (gathered_ != nullptr) {
    gathered_->gather_whole();
  }
}

WholeWeights::~WholeWeights() {
  if (gathered_ != nullptr) {
    gathered_->release_whole();
  }
}

}  // namespace cogent::trainer
