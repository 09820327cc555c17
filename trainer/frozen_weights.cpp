#include "trainer/frozen_weights.hpp"

#include "core/model/panels.hpp"
#include "trainer/scoring.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

namespace cogent::trainer {

FrozenWeights::FrozenWeights(const model::Transformer& model, distributed::Communicator& learners,
                             const LearnerSettings& settings, at::ScalarType type)
    : model_(model),
      learners_(learners),
      type_(type),
      layout_(model.units(), learners.size()),
      sharded_(shards_parameters(settings, learners.size())),
      gather_(model, layout_, learners, shards_, settings.prefetch) {}

void FrozenWeights::load(const model::WeightSource& source) {
  if (!sharded_) {
    weights_ = model::load_in_panels(model_, source, type_);
    return;
  }
  weights_.flat.resize(layout_.units().size());
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    weights_.units.emplace_back(layout_.units()[unit].parameters.size());
    const std::int64_t count = layout_.counts(unit)[static_cast<std::size_t>(learners_.rank())];
    std::vector<float> values(static_cast<std::size_t>(count));
    read_shard(layout_, unit, learners_.rank(), source, values);
    const at::Tensor& shard =
        shards_.emplace_back(at::empty({count}, at::TensorOptions().dtype(type_)));
    if (type_ == at::kFloat) {
      std::copy(values.begin(), values.end(), shard.mutable_data_ptr<float>());
    } else {
      model::round_weights(values, shard);
    }
  }
}

model::ModelWeights FrozenWeights::gather_whole() const {
  model::ModelWeights whole = model::allocate_weights(layout_.units(), type_);
  gather_units(
      layout_, learners_, [&](std::size_t unit) { return shards_[unit]; }, whole.flat);
  for (std::size_t unit = 0; unit < whole.units.size(); ++unit) {
    model::move_to_panels(model_, unit, whole.units[unit]);
  }
  return whole;
}

void FrozenWeights::begin(std::vector<std::size_t> order) {
  if (sharded_) {
    gather_.begin(std::move(order));
  }
}

model::UnitTensors FrozenWeights::next(std::size_t unit) {
  return sharded_ ? gather_.next() : weights_.units[unit];
}

model::TokenLogprobs FrozenWeights::score(const PackedBatch& batch, double temperature) {
  begin(forward_order(model_.config()));
  return trainer::score(
      model_, [&](std::size_t unit) { return next(unit); }, batch, temperature);
}

void FrozenWeights::empty_score() {
  const std::vector<std::size_t> order = forward_order(model_.config());
  begin(order);
  for (const std::size_t unit : order) {
    next(unit);
  }
}

}  // namespace cogent::trainer
