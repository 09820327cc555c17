#include "trainer/shard_layout.hpp"

#include "core/base/error.hpp"
#include "core/model/weights/weight_source.hpp"

#include <algorithm>
#include <utility>

namespace cogent::trainer {
namespace {

std::vector<Leaf> cut_leaves(const model::UnitSpec& unit) {
  std::vector<Leaf> leaves;
  std::int64_t unit_offset = 0;
  for (std::size_t p = 0; p < unit.parameters.size(); ++p) {
    const model::ParameterSpec& parameter = unit.parameters[p];
    const std::int64_t leaf = parameter.is_matrix() ? kLeafRows * parameter.cols : kLeafValues;
    for (std::int64_t offset = 0; offset < parameter.size(); offset += leaf) {
      const std::int64_t count = std::min(leaf, parameter.size() - offset);
      leaves.push_back({p, offset, unit_offset + offset, count});
    }
    unit_offset += parameter.size();
  }
  return leaves;
}

}  // namespace

ShardLayout::ShardLayout(std::vector<model::UnitSpec> units, int learners)
    : units_(std::move(units)), learners_(learners) {
  check(learners >= 1, ErrorCode::kUsage, "a model is sharded over ", learners,
        " learners, at least 1 is needed");
  for (const model::UnitSpec& unit : units_) {
    std::vector<Leaf>& leaves = leaves_.emplace_back(cut_leaves(unit));
    const std::int64_t size = leaves.empty() ? 0 : leaves.back().unit_offset + leaves.back().count;
    std::vector<std::int64_t>& values = bounds_.emplace_back();
    std::vector<std::size_t>& indices = leaf_bounds_.emplace_back();
    for (int r = 0; r <= learners; ++r) {
      // The first leaf that begins at or behind the even cut.
      const std::int64_t cut = size * r / learners;
      const auto leaf =
          std::partition_point(leaves.begin(), leaves.end(),
                               [&](const Leaf& candidate) { return candidate.unit_offset < cut; });
      indices.push_back(static_cast<std::size_t>(leaf - leaves.begin()));
      values.push_back(leaf == leaves.end() ? size : leaf->unit_offset);
    }
  }
}

std::vector<std::int64_t> ShardLayout::counts(std::size_t unit) const {
  std::vector<std::int64_t> counts;
  for (int r = 0; r < learners_; ++r) {
    counts.push_back(bounds_[unit][static_cast<std::size_t>(r) + 1] -
                     bounds_[unit][static_cast<std::size_t>(r)]);
  }
  return counts;
}

std::span<const Leaf> ShardLayout::shard_leaves(std::size_t unit, int learner) const {
  const auto r = static_cast<std::size_t>(learner);
  return std::span(leaves_[unit])
      .subspan(leaf_bounds_[unit][r], leaf_bounds_[unit][r + 1] - leaf_bounds_[unit][r]);
}

std::vector<ShardPiece> ShardLayout::shard_pieces(std::size_t unit, int learner) const {
  std::vector<ShardPiece> pieces;
  for (const Leaf& leaf : shard_leaves(unit, learner)) {
    if (!pieces.empty() && pieces.back().parameter == leaf.parameter) {
      pieces.back().count += leaf.count;
    } else {
      pieces.push_back({leaf.parameter, leaf.offset, leaf.unit_offset, leaf.count});
    }
  }
  return pieces;
}

void read_shard(const ShardLayout& layout, std::size_t unit, int learner,
                const model::WeightSource& source, std::span<float> to) {
  std::vector<float> values;
  auto next = to.begin();
  for (const ShardPiece& piece : layout.shard_pieces(unit, learner)) {
    const model::ParameterSpec& parameter = layout.units()[unit].parameters[piece.parameter];
    values.resize(static_cast<std::size_t>(parameter.size()));
    source.read(parameter, values);
    next = std::copy_n(values.begin() + piece.offset, piece.count, next);
  }
}

}  // namespace cogent::trainer
