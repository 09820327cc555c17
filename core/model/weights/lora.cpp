#include "core/model/weights/lora.hpp"

#include "core/base/error.hpp"
#include "core/base/philox.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace cogent::model {
namespace {

constexpr std::string_view kAllLinear = "all-linear";
constexpr std::string_view kWeight = ".weight";
constexpr LoraConfig kEveryTarget = {.rank = 1,
                                     .targets = {true, true, true, true, true, true, true}};

std::string joined_targets() {
  std::string names;
  for (const std::string_view name : kLoraTargets) {
    names += concat(name, ", ");
  }
  return names + "or " + std::string(kAllLinear);
}

void append_pair(const ParameterSpec& linear, std::int64_t rank, UnitSpec& unit) {
  const std::string layer =
      "base_model.model." + linear.name.substr(0, linear.name.size() - kWeight.size());
  unit.parameters.push_back({layer + ".lora_A.weight", rank, linear.cols, true});
  unit.parameters.push_back({layer + ".lora_B.weight", linear.rows, rank, true});
}

// The uniform of value `index` of the parameter that is number `parameter` of all that there can
// be.
double uniform_of(std::uint64_t seed, std::uint32_t parameter, std::uint64_t index) {
  return draw_uniform({.seed = seed,
                       .stream = RandomStream::kAdapter,
                       .position = static_cast<std::uint32_t>(index >> 32),
                       .step = static_cast<std::uint32_t>(index),
                       .prompt = parameter});
}

}  // namespace

double LoraConfig::scale() const {
  const auto divisor = static_cast<double>(rank);
  return on() ? alpha / (use_rslora ? std::sqrt(divisor) : divisor) : 0;
}

std::array<bool, kLoraTargets.size()> lora_targets(const std::vector<std::string>& names,
                                                   const std::string& where) {
  check(!names.empty(), ErrorCode::kUsage, where, " is empty: name ", joined_targets());
  std::array<bool, kLoraTargets.size()> targets = {};
  for (const std::string& name : names) {
    const auto* const place = std::ranges::find(kLoraTargets, name);
    check(name == kAllLinear || place != kLoraTargets.end(), ErrorCode::kUsage, where, " holds \"",
          name, "\": name ", joined_targets());
    if (name == kAllLinear) {
      targets = kEveryTarget.targets;
    } else {
      targets[static_cast<std::size_t>(place - kLoraTargets.begin())] = true;
    }
  }
  return targets;
}

std::vector<std::string> target_names(const LoraConfig& lora) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kLoraTargets.size(); ++i) {
    if (lora.targets[i]) {
      names.emplace_back(kLoraTargets[i]);
    }
  }
  return names;
}

std::vector<UnitSpec> adapter_specs(const ModelConfig& config, const LoraConfig& lora) {
  std::vector<UnitSpec> adapters;
  for (const UnitSpec& unit : unit_specs(config)) {
    UnitSpec& adapter = adapters.emplace_back(UnitSpec{unit.name, {}});
    for (std::size_t i = 0; lora.on() && i < kLoraTargets.size(); ++i) {
      const std::string suffix = concat(".", kLoraTargets[i], kWeight);
      const auto linear = std::ranges::find_if(
          unit.parameters, [&](const ParameterSpec& p) { return p.name.ends_with(suffix); });
      if (lora.targets[i] && linear != unit.parameters.end()) {
        append_pair(*linear, lora.rank, adapter);
      }
    }
  }
  return adapters;
}

Adapter new_adapter(const ModelConfig& config, const LoraConfig& lora, std::uint64_t seed) {
  std::map<std::string, std::uint32_t> numbers;
  for (const UnitSpec& unit : adapter_specs(config, kEveryTarget)) {
    for (const ParameterSpec& parameter : unit.parameters) {
      numbers.emplace(parameter.name, static_cast<std::uint32_t>(numbers.size()));
    }
  }
  const auto read = [numbers = std::move(numbers), seed](const ParameterSpec& parameter,
                                                         std::span<float> out) {
    if (parameter.name.ends_with("lora_B.weight")) {
      std::ranges::fill(out, 0.0F);
      return;
    }
    const std::uint32_t number = numbers.at(parameter.name);
    const double bound = 1 / std::sqrt(static_cast<double>(parameter.cols));
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<float>(bound * (2 * uniform_of(seed, number, i) - 1));
    }
  };
  return {lora, read};
}

}  // namespace cogent::model
