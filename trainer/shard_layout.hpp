#pragma once

#include "core/model/weights/model_config.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cogent::model {
class WeightSource;
}

namespace cogent::trainer {

constexpr std::int64_t kLeafRows = 16;      // of a matrix
constexpr std::int64_t kLeafValues = 4096;  // of a vector

// The smallest run of values that a shard holds whole: 16 rows of a matrix, or 4,096 values of a
// vector. Norms and hashes are computed by leaf and combined in canonical order (unit, parameter,
// leaf), so they do not depend on the number of learners.
struct Leaf {
  std::size_t parameter = 0;     // index in its unit
  std::int64_t offset = 0;       // first value in the parameter
  std::int64_t unit_offset = 0;  // first value in the unit's flat buffer
  std::int64_t count = 0;
};

// One parameter's part of a shard: consecutive leaves of it.
struct ShardPiece {
  std::size_t parameter = 0;
  std::int64_t offset = 0;
  std::int64_t unit_offset = 0;
  std::int64_t count = 0;
};

// Who holds what of every unit: learner r's shard of unit u is the values [bounds(u)[r],
// bounds(u)[r + 1]) of its flat buffer, whole leaves, as even as leaves allow. Pure: every rank
// computes the same.
class ShardLayout {
 public:
  ShardLayout(std::vector<model::UnitSpec> units, int learners);

  const std::vector<model::UnitSpec>& units() const { return units_; }
  int learners() const { return learners_; }
  std::int64_t unit_size(std::size_t unit) const { return bounds_[unit].back(); }
  std::span<const std::int64_t> bounds(std::size_t unit) const {
    return bounds_[unit];
  }                                                          // [learners + 1]
  std::vector<std::int64_t> counts(std::size_t unit) const;  // [learners]
  std::span<const Leaf> leaves(std::size_t unit) const { return leaves_[unit]; }
  // Leaves of this learner's shard, and the same joined by parameter.
  std::span<const Leaf> shard_leaves(std::size_t unit, int learner) const;
  std::vector<ShardPiece> shard_pieces(std::size_t unit, int learner) const;

 private:
  std::vector<model::UnitSpec> units_;
  int learners_;
  std::vector<std::vector<Leaf>> leaves_;
  std::vector<std::vector<std::int64_t>> bounds_;      // values
  std::vector<std::vector<std::size_t>> leaf_bounds_;  // leaves
};

// This learner's values of a unit from a source of whole parameters. to [shard size].
void read_shard(const ShardLayout& layout, std::size_t unit, int learner,
                const model::WeightSource& source, std::span<float> to);

}  // namespace cogent::trainer
