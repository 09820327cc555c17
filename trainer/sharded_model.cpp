#include "trainer/sharded_model.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "trainer/adamw.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <bit>
#include <cmath>

namespace cogent::trainer {
namespace {

using distributed::Buffer;
using distributed::ShardKind;

std::span<float> values_of(const at::Tensor& flat) {
  return {flat.mutable_data_ptr<float>(), static_cast<std::size_t>(flat.numel())};
}

std::span<float> part_of(const at::Tensor& flat, std::int64_t begin, std::int64_t count) {
  return values_of(flat).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
}

std::int64_t shard_size(const ShardLayout& layout, std::size_t unit, int learner) {
  return layout.counts(unit)[static_cast<std::size_t>(learner)];
}

std::vector<std::int64_t> shape_of(const model::ParameterSpec& parameter) {
  return parameter.is_matrix() ? std::vector{parameter.rows, parameter.cols}
                               : std::vector{parameter.rows};
}

// Values that each learner has one of for every leaf of its shard, unit by unit, into canonical
// order on all learners. Collective.
template <typename T>
std::vector<T> gather_by_leaf(const ShardLayout& layout, distributed::Communicator& learners,
                              std::span<const T> own, const char* what) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(layout.learners()), 0);
  for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
    for (int r = 0; r < layout.learners(); ++r) {
      counts[static_cast<std::size_t>(r)] +=
          static_cast<std::int64_t>(layout.shard_leaves(unit, r).size());
    }
  }
  std::vector<std::size_t> next(counts.size(), 0);
  std::size_t total = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    next[r] = total;
    total += static_cast<std::size_t>(counts[r]);
  }
  std::vector<T> by_rank(total);
  std::vector<T> copy(own.begin(), own.end());
  learners.all_gather(Buffer(std::span(copy)), Buffer(std::span(by_rank)), counts, what).wait();
  std::vector<T> canonical;
  canonical.reserve(total);
  for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
    for (int r = 0; r < layout.learners(); ++r) {
      for (std::size_t i = layout.shard_leaves(unit, r).size(); i > 0; --i) {
        canonical.push_back(by_rank[next[static_cast<std::size_t>(r)]++]);
      }
    }
  }
  return canonical;
}

}  // namespace

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

ShardedModel::ShardedModel(const model::Transformer& model, distributed::Communicator& learners)
    : model_(model),
      learners_(learners),
      layout_(model.units(), learners.size()),
      weights_(model::allocate_weights(model.units())),
      gradients_(model::allocate_weights(model.units())) {
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::int64_t size = shard_size(layout_, unit, learners.rank());
    exp_avg_.push_back(at::zeros({size}, at::kFloat));
    exp_avg_sq_.push_back(at::zeros({size}, at::kFloat));
    reduced_.push_back(learners.size() == 1 ? at::Tensor() : at::zeros({size}, at::kFloat));
  }
}

void ShardedModel::load(const model::WeightSource& source) {
  weights_ = model::load_weights(source);
}

void ShardedModel::begin_update() {
  for (const at::Tensor& flat : gradients_.flat) {
    flat.zero_();
  }
}

model::TokenLogprobs ShardedModel::forward(const PackedBatch& batch, double temperature,
                                           BatchActivations* saved) const {
  if (saved == nullptr) {
    return score(model_, weights_, batch, temperature);
  }
  saved->plan = plan_of(model_, batch);
  saved->blocks.resize(static_cast<std::size_t>(model_.config().num_layers));
  at::Tensor x = model_.embed(weights_.units.front(), saved->plan);
  for (std::size_t layer = 0; layer < saved->blocks.size(); ++layer) {
    x = model_.block(static_cast<std::int64_t>(layer), weights_.units[layer + 1], saved->plan, x,
                     nullptr, &saved->blocks[layer]);
  }
  return model_.head(weights_.units.back(), weights_.head_matrix(model_.config()), x,
                     batch.trained_rows, batch.targets, temperature, &saved->head);
}

void ShardedModel::backward(const BatchActivations& saved, const at::Tensor& dlogprob,
                            Reduce reduce) {
  const bool tied = model_.config().tied_embeddings;
  const std::size_t head = layout_.units().size() - 1;
  const auto finished = [&](std::size_t unit) {
    if (reduce == Reduce::kUnitByUnit) {
      start_reduction(unit);
    }
  };
  // A tied head adds to the embedding's gradient, which is reduced last.
  at::Tensor head_matrix_gradient = tied ? gradients_.units.front()[0] : gradients_.units.back()[1];
  at::Tensor dx = model_.head_backward(weights_.units.back(), weights_.head_matrix(model_.config()),
                                       saved.head, dlogprob, saved.plan.rows(),
                                       gradients_.units.back(), head_matrix_gradient);
  finished(head);
  for (std::size_t layer = saved.blocks.size(); layer > 0; --layer) {
    dx = model_.block_backward(weights_.units[layer], saved.plan, saved.blocks[layer - 1], dx,
                               gradients_.units[layer]);
    finished(layer);
  }
  model_.embed_backward(dx, saved.plan, gradients_.units.front());
  finished(0);
}

void ShardedModel::reduce_gradients() {
  for (std::size_t unit = layout_.units().size(); unit > 0; --unit) {
    start_reduction(unit - 1);
  }
}

void ShardedModel::start_reduction(std::size_t unit) {
  if (learners_.size() == 1) {
    return;
  }
  const std::vector<std::int64_t> counts = layout_.counts(unit);
  reductions_.push_back(learners_.reduce_scatter(Buffer(values_of(gradients_.flat[unit])),
                                                 Buffer(values_of(reduced_[unit])), counts,
                                                 "gradient of " + layout_.units()[unit].name));
}

std::span<float> ShardedModel::own_shard(const at::Tensor& unit_flat, std::size_t unit) const {
  return part_of(unit_flat, layout_.bounds(unit)[static_cast<std::size_t>(learners_.rank())],
                 shard_size(layout_, unit, learners_.rank()));
}

std::span<const float> ShardedModel::own_gradient(std::size_t unit) const {
  return learners_.size() == 1 ? values_of(gradients_.flat[unit]) : values_of(reduced_[unit]);
}

UpdateResult ShardedModel::apply(const OptimizerSettings& settings, double lr) {
  for (distributed::Work& work : reductions_) {
    work.wait();
  }
  reductions_.clear();
  std::vector<double> own_squares;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::span<const float> gradient = own_gradient(unit);
    const std::int64_t begin = layout_.bounds(unit)[static_cast<std::size_t>(learners_.rank())];
    for (const Leaf& leaf : layout_.shard_leaves(unit, learners_.rank())) {
      double sum = 0;
      for (const float value : gradient.subspan(static_cast<std::size_t>(leaf.unit_offset - begin),
                                                static_cast<std::size_t>(leaf.count))) {
        sum += static_cast<double>(value) * static_cast<double>(value);
      }
      own_squares.push_back(sum);
    }
  }
  double squares = 0;
  for (const double leaf :
       gather_by_leaf<double>(layout_, learners_, own_squares, "squared gradient norms")) {
    squares += leaf;
  }
  UpdateResult result{.grad_norm = std::sqrt(squares), .applied = std::isfinite(squares)};
  if (!result.applied) {
    return result;
  }
  // torch.nn.utils.clip_grad_norm_'s coefficient.
  const double scale =
      settings.clip_norm > 0 ? std::min(1.0, settings.clip_norm / (result.grad_norm + 1e-6)) : 1.0;
  ++updates_;
  AdamWStep decayed = adamw_step(settings, lr, scale, updates_);
  AdamWStep plain = decayed;
  plain.weight_decay = 0;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::int64_t begin = layout_.bounds(unit)[static_cast<std::size_t>(learners_.rank())];
    for (const ShardPiece& piece : layout_.shard_pieces(unit, learners_.rank())) {
      const std::int64_t offset = piece.unit_offset - begin;
      adamw_update(layout_.units()[unit].parameters[piece.parameter].decay ? decayed : plain,
                   part_of(weights_.flat[unit], piece.unit_offset, piece.count),
                   own_gradient(unit).subspan(static_cast<std::size_t>(offset),
                                              static_cast<std::size_t>(piece.count)),
                   part_of(exp_avg_[unit], offset, piece.count),
                   part_of(exp_avg_sq_[unit], offset, piece.count));
    }
  }
  gather_weights();
  return result;
}

void ShardedModel::gather_weights() {
  if (learners_.size() == 1) {
    return;
  }
  std::vector<distributed::Work> works;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    works.push_back(learners_.all_gather(
        Buffer(own_shard(weights_.flat[unit], unit)), Buffer(values_of(weights_.flat[unit])),
        layout_.counts(unit), "weights of " + layout_.units()[unit].name));
  }
  for (distributed::Work& work : works) {
    work.wait();
  }
}

std::uint64_t ShardedModel::weights_xxh3() {
  std::vector<std::int64_t> own;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    for (const Leaf& leaf : layout_.shard_leaves(unit, learners_.rank())) {
      own.push_back(std::bit_cast<std::int64_t>(
          xxh3(std::as_bytes(part_of(weights_.flat[unit], leaf.unit_offset, leaf.count)))));
    }
  }
  const std::vector<std::int64_t> leaves =
      gather_by_leaf<std::int64_t>(layout_, learners_, own, "leaf hashes");
  return xxh3(std::as_bytes(std::span(leaves)));
}

template <typename Entry>
std::map<ShardKind, std::vector<Entry>> ShardedModel::own_entries() const {
  std::map<ShardKind, std::vector<Entry>> entries;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::int64_t begin = layout_.bounds(unit)[static_cast<std::size_t>(learners_.rank())];
    for (const ShardPiece& piece : layout_.shard_pieces(unit, learners_.rank())) {
      const model::ParameterSpec& parameter = layout_.units()[unit].parameters[piece.parameter];
      const distributed::ShardPlace place{parameter.name, shape_of(parameter), piece.offset};
      const std::int64_t offset = piece.unit_offset - begin;
      entries[ShardKind::kWeight].push_back(
          {place, part_of(weights_.flat[unit], piece.unit_offset, piece.count)});
      entries[ShardKind::kExpAvg].push_back({place, part_of(exp_avg_[unit], offset, piece.count)});
      entries[ShardKind::kExpAvgSq].push_back(
          {place, part_of(exp_avg_sq_[unit], offset, piece.count)});
    }
  }
  return entries;
}

std::map<ShardKind, std::vector<distributed::ShardView>> ShardedModel::checkpoint_shards() const {
  return own_entries<distributed::ShardView>();
}

void ShardedModel::restore(distributed::CheckpointStore& store,
                           const distributed::CheckpointState& state) {
  store.load(state.step, own_entries<distributed::ShardTarget>());
  updates_ = state.updates;
  gather_weights();
  const std::uint64_t hash = weights_xxh3();
  check(hash == state.weights_xxh3, ErrorCode::kCheckpoint, "the weights of checkpoint step ",
        state.step, " have hash ", hex64(hash), " after loading, its manifest says ",
        hex64(state.weights_xxh3));
}

}  // namespace cogent::trainer
