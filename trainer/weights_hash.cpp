#include "trainer/weights_hash.hpp"

#include "core/base/hash.hpp"
#include "trainer/shard_layout.hpp"

#include <span>

namespace cogent::trainer {

std::uint64_t weights_xxh3(const std::vector<model::UnitSpec>& units,
                           const model::ReadParameter& read_parameter) {
  const ShardLayout layout(units, 1);
  std::vector<std::uint64_t> hashes;
  std::vector<float> values;
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    std::size_t held = units[unit].parameters.size();  // whose values stand in `values`: none yet
    for (const Leaf& leaf : layout.leaves(unit)) {
      if (leaf.parameter != held) {
        held = leaf.parameter;
        values.resize(static_cast<std::size_t>(units[unit].parameters[held].size()));
        read_parameter(units[unit].parameters[held], values);
      }
      hashes.push_back(xxh3(std::as_bytes(std::span<const float>(values).subspan(
          static_cast<std::size_t>(leaf.offset), static_cast<std::size_t>(leaf.count)))));
    }
  }
  return xxh3(std::as_bytes(std::span<const std::uint64_t>(hashes)));
}

std::uint64_t weights_xxh3(const model::WeightSource& weights) {
  return weights_xxh3(model::unit_specs(weights.config()),
                      [&](const model::ParameterSpec& parameter, std::span<float> values) {
                        weights.read(parameter, values);
                      });
}

}  // namespace cogent::trainer
