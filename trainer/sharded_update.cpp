#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "trainer/adamw.hpp"
#include "trainer/sharded_model.hpp"
#include "trainer/stopwatch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

// What happens to a learner's shard between its gradients and the next pass, and what is kept of
// it: norm, clip and AdamW, hash, checkpoint.
namespace cogent::trainer {
namespace {

using distributed::Buffer;
using distributed::ShardKind;

std::span<float> part_of(const at::Tensor& flat, std::int64_t begin, std::int64_t count) {
  return {flat.mutable_data_ptr<float>() + begin, static_cast<std::size_t>(count)};
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

template <typename Use>
void ShardedModel::for_each_own_leaf(std::size_t unit, const Use& use) const {
  const std::span<const Leaf> leaves = layout_.shard_leaves(unit, learners_.rank());
  const std::int64_t begin = layout_.bounds(unit)[static_cast<std::size_t>(learners_.rank())];
#pragma omp parallel
  {
    std::vector<float> scratch;
#pragma omp for schedule(static)
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const std::int64_t offset = leaves[i].unit_offset - begin;
      scratch.resize(static_cast<std::size_t>(leaves[i].count));
      use(i, offset, gradients_.values(unit, offset, leaves[i].count, scratch));
    }
  }
}

// Of the summed gradient: float64 sums by leaf, added in canonical order.
double ShardedModel::gradient_norm() {
  std::vector<double> own_squares;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::size_t first = own_squares.size();
    own_squares.resize(first + layout_.shard_leaves(unit, learners_.rank()).size());
    for_each_own_leaf(unit, [&](std::size_t i, std::int64_t, std::span<const float> gradient) {
      double sum = 0;
      for (const float value : gradient) {
        sum += static_cast<double>(value) * static_cast<double>(value);
      }
      own_squares[first + i] = sum;
    });
  }
  double squares = 0;
  for (const double leaf :
       gather_by_leaf<double>(layout_, learners_, own_squares, "squared gradient norms")) {
    squares += leaf;
  }
  return std::sqrt(squares);
}

UpdateResult ShardedModel::apply(const OptimizerSettings& settings, double lr) {
  UpdateResult result{.grad_norm = std::numeric_limits<double>::infinity()};
  const bool fits = gradients_.finish();
  result.reduction_seconds = gradients_.seconds();
  if (fits) {
    const Stopwatch watch(result.optimizer_seconds);
    result.grad_norm = gradient_norm();
    result.applied = std::isfinite(result.grad_norm);
    if (result.applied) {
      update_shard(settings, lr, result.grad_norm);
      share_weights();
    }
  }
  return result;
}

void ShardedModel::update_shard(const OptimizerSettings& settings, double lr, double norm) {
  // torch.nn.utils.clip_grad_norm_'s coefficient.
  const double scale =
      settings.clip_norm > 0 ? std::min(1.0, settings.clip_norm / (norm + 1e-6)) : 1.0;
  ++updates_;
  const AdamWStep decayed = adamw_step(settings, lr, scale, updates_);
  AdamWStep plain = decayed;
  plain.weight_decay = 0;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    const std::span<const Leaf> leaves = layout_.shard_leaves(unit, learners_.rank());
    const std::span<float> weights = own_weights(unit);
    for_each_own_leaf(
        unit, [&](std::size_t i, std::int64_t offset, std::span<const float> gradient) {
          const bool decays = layout_.units()[unit].parameters[leaves[i].parameter].decay;
          adamw_update(decays ? decayed : plain,
                       weights.subspan(static_cast<std::size_t>(offset), gradient.size()), gradient,
                       part_of(exp_avg_[unit], offset, leaves[i].count),
                       part_of(exp_avg_sq_[unit], offset, leaves[i].count));
        });
  }
}

std::uint64_t ShardedModel::weights_xxh3() {
  std::vector<std::int64_t> own;
  for (std::size_t unit = 0; unit < layout_.units().size(); ++unit) {
    std::span<const float> rest = own_weights(unit);
    for (const Leaf& leaf : layout_.shard_leaves(unit, learners_.rank())) {
      const auto count = static_cast<std::size_t>(leaf.count);
      own.push_back(std::bit_cast<std::int64_t>(xxh3(std::as_bytes(rest.first(count)))));
      rest = rest.subspan(count);
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
          {place, own_weights(unit).subspan(static_cast<std::size_t>(offset),
                                            static_cast<std::size_t>(piece.count))});
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
  share_weights();
  const std::uint64_t hash = weights_xxh3();
  check(hash == state.weights_xxh3, ErrorCode::kCheckpoint, "the weights of checkpoint step ",
        state.step, " have hash ", hex64(hash), " after loading, its manifest says ",
        hex64(state.weights_xxh3));
}

}  // namespace cogent::trainer
