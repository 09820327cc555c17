#include "trainer/sharded_model.hpp"

#include "core/base/error.hpp"
#include "core/model/adapted_weights.hpp"
#include "trainer/tensor_buffer.hpp"

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace cogent::trainer {
namespace {

using distributed::Buffer;

std::span<float> values_of(const at::Tensor& flat) {
  return {flat.mutable_data_ptr<float>(), static_cast<std::size_t>(flat.numel())};
}

}  // namespace

void check_numerics(Numerics numerics, const model::Transformer& model) {
  check(numerics != Numerics::kExact || model.rows_are_independent(), ErrorCode::kUsage,
        "numerics is exact, which needs a CPU with AVX2 and FMA (this one runs the ",
        model.ops().name, " kernels): set numerics: fast");
}

model::RowPlan plan_of(const model::Transformer& model, const PackedBatch& batch) {
  std::vector<model::AttentionSegment> segments;
  segments.reserve(batch.segments.size());
  for (const PackedSegment& segment : batch.segments) {
    model::AttentionSegment& out = segments.emplace_back();
    out.query_begin = segment.queries.begin;
    out.query_end = segment.queries.end;
    for (const PackedSpan& span : segment.keys) {
      out.keys.push_back({span.begin, span.end});
    }
  }
  return model.plan(batch.ids, batch.positions, std::move(segments));
}

model::TokenLogprobs score(const model::Transformer& model, const model::ModelWeights& weights,
                           const PackedBatch& batch, double temperature) {
  const model::RowPlan plan = plan_of(model, batch);
  at::Tensor x = model.embed(weights.units.front(), plan);
  for (std::int64_t layer = 0; layer < model.config().num_layers; ++layer) {
    x = model.block(layer, weights.units[static_cast<std::size_t>(layer) + 1], plan, x, nullptr,
                    nullptr);
  }
  return model.head(weights.units.back(), weights.head_matrix(model.config()), x,
                    batch.trained_rows, batch.targets, temperature, nullptr);
}

ShardedModel::ShardedModel(const model::Transformer& model, distributed::Communicator& learners,
                           const LearnerSettings& settings, Numerics numerics,
                           at::ScalarType weight_type)
    : model_(model),
      learners_(learners),
      layout_(model.trained_units(), learners.size()),
      gathers_units_(settings.shard == ShardMode::kParameters && learners.size() > 1 &&
                     !model.lora().on()),
      recomputes_(settings.recompute == Recompute::kFull),
      weight_type_(weight_type),
      gradients_(layout_, learners, numerics, settings),
      gather_(model, layout_, learners, rounds() ? rounded_shards_ : weight_shards_,
              settings.prefetch) {
  check_numerics(numerics, model);
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::int64_t size = layout_.counts(unit)[static_cast<std::size_t>(learners.rank())];
    exp_avg_.push_back(at::zeros({size}, at::kFloat));
    exp_avg_sq_.push_back(at::zeros({size}, at::kFloat));
  }
  allocate();
}

void ShardedModel::allocate() {
  if (model_.lora().on()) {
    skip_frozen_gradients();  // the weights come with load()
    return;
  }
  if (gathers_units_) {
    release_whole();
  } else {
    weights_ = model::allocate_weights(layout_.units(), weight_type_);
  }
  for (const at::Tensor& shard : exp_avg_) {
    if (gathers_units_ || rounds()) {
      weight_shards_.push_back(at::zeros_like(shard));
    }
    if (gathers_units_ && rounds()) {
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
    weights_ = model::load_adapted(model_, source, *adapter, weight_type_);
    return;
  }
  if (!gathers_units_) {
    weights_ = {};  // first: both would be twice the memory
    weights_ = model::load_weights(source, weight_type_);
  }
  if (weight_shards_.empty()) {
    return;
  }
  std::vector<float> values;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::span<float> own = own_weights(unit);
    std::size_t next = 0;
    for (const ShardPiece& piece : layout_.shard_pieces(unit, learners_.rank())) {
      const model::ParameterSpec& parameter = layout_.units()[unit].parameters[piece.parameter];
      values.resize(static_cast<std::size_t>(parameter.size()));
      source.read(parameter, values);
      std::copy_n(values.begin() + piece.offset, piece.count, own.begin() + next);
      next += static_cast<std::size_t>(piece.count);
    }
  }
  round_own_weights();
}

std::span<float> ShardedModel::own_weights(std::size_t unit) const {
  return values_of(weight_shards_.empty() ? computed_shard(unit) : weight_shards_[unit]);
}

at::Tensor ShardedModel::computed_shard(std::size_t unit) const {
  if (gathers_units_) {
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
  if (!gathers_units_) {
    gather_whole();
  }
}

// The order in which a slot's forward and backward use the units.
void ShardedModel::begin_pass() {
  if (!gathers_units_) {
    return;
  }
  std::vector<std::size_t> order(layout_.units().size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (model_.config().tied_embeddings) {
    order.push_back(0);
  }
  for (std::size_t unit = head() - 1; unit > 0; --unit) {
    order.push_back(unit);
  }
  gather_.begin(std::move(order));
}

model::UnitTensors ShardedModel::next_unit(std::size_t unit) {
  return gathers_units_ ? gather_.next() : weights_.units[unit];
}

void ShardedModel::begin_update(std::int64_t micro_batches) {
  gradients_.begin_update(micro_batches * (model_.config().tied_embeddings ? 2 : 1));
}

model::TokenLogprobs ShardedModel::forward(const PackedBatch& batch, double temperature,
                                           BatchActivations& saved) {
  begin_pass();
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
  begin_pass();
  for (std::size_t unit = 0; unit <= head(); ++unit) {
    next_unit(unit);
  }
  if (tied) {
    next_unit(0);
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

void ShardedModel::gather_whole() {
  if (learners_.size() == 1) {
    return;
  }
  if (gathers_units_) {
    weights_ = model::allocate_weights(layout_.units(), weight_type_);
  }
  std::vector<distributed::Work> works;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    works.push_back(learners_.all_gather(computed_weights(unit),
                                         buffer_of(weights_.trained()[unit]), layout_.counts(unit),
                                         "weights of " + layout_.units()[unit].name));
  }
  for (distributed::Work& work : works) {
    work.wait();
  }
}

void ShardedModel::release_whole() {
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
