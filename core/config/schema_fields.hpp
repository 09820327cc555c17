#pragma once

#include "core/config/schema.hpp"

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cogent {

// What the files of the table share: the words of each enumeration in the order of its values, the
// field behind a path of members, and the ranges that occur more than once.

template <typename Enum>
constexpr std::array<std::string_view, 0> kWords = {};
template <>
constexpr std::array<std::string_view, 2> kWords<Numerics> = {"exact", "fast"};
template <>
constexpr std::array<std::string_view, 2> kWords<WeightType> = {"float32", "bfloat16"};
template <>
constexpr std::array<std::string_view, 2> kWords<ChatTemplate> = {"own", "reasoningner"};
template <>
constexpr std::array<std::string_view, 2> kWords<MetricRules> = {"reference", "corrected"};
template <>
constexpr std::array<std::string_view, 2> kWords<Placement> = {"separate", "colocated"};
template <>
constexpr std::array<std::string_view, 4> kWords<ShardMode> = {"none", "optimizer", "gradients",
                                                               "parameters"};
template <>
constexpr std::array<std::string_view, 2> kWords<Recompute> = {"none", "full"};
template <>
constexpr std::array<std::string_view, 3> kWords<EvaluationMeasure> = {"f1", "loss", "both"};
template <>
constexpr std::array<std::string_view, 3> kWords<Schedule> = {"cosine", "linear", "constant"};
template <>
constexpr std::array<std::string_view, 5> kWords<LossType> = {"grpo", "dapo", "dr_grpo", "bnpo",
                                                              "token_sum_norm"};
template <>
constexpr std::array<std::string_view, 2> kWords<Baseline> = {"group_mean", "leave_one_out"};
template <>
constexpr std::array<std::string_view, 2> kWords<Surrogate> = {"clip", "cispo"};
template <>
constexpr std::array<std::string_view, 2> kWords<RatioLevel> = {"token", "sequence"};
template <>
constexpr std::array<std::string_view, 3> kWords<KlEstimator> = {"k1", "k2", "k3"};
template <>
constexpr std::array<std::string_view, 2> kWords<KlPlace> = {"loss", "reward"};
template <>
constexpr std::array<std::string_view, 2> kWords<OldPolicy> = {"behavior", "proximal"};
template <>
constexpr std::array<std::string_view, 3> kWords<Importance> = {"none", "truncate", "mask"};
template <>
constexpr std::array<std::string_view, 3> kWords<ScaleRewards> = {"group", "batch", "none"};
template <>
constexpr std::array<std::string_view, 3> kWords<Teacher> = {"rationale", "http", "model"};

// The field behind a path of members: at<&RunConfig::optimizer, &OptimizerSettings::lr>().
template <auto... Members>
Field at() {
  using Value = std::remove_reference_t<decltype((std::declval<RunConfig&>().*....*Members))>;
  if constexpr (std::is_enum_v<Value>) {
    return Choice{
        kWords<Value>,
        [](const RunConfig& config) { return static_cast<std::size_t>((config.*....*Members)); },
        [](RunConfig& config, std::size_t index) {
          (config.*....*Members) = static_cast<Value>(index);
        }};
  } else {
    return Slot<Value>{[](RunConfig& config) -> Value& { return (config.*....*Members); }};
  }
}

inline constexpr KeyClass kArithmetic = KeyClass::kArithmetic;
inline constexpr KeyClass kOperational = KeyClass::kOperational;
inline constexpr Range kAny = {};
inline constexpr Range kFromZero = {.min = 0};
inline constexpr Range kFromOne = {.min = 1};
inline constexpr Range kShare = {.min = 0, .max = 1};
// What is counted in 32 bits further on: rows of a data set, tokens of a vocabulary, steps of a
// run.
inline constexpr double kMostCounted = 2147483647;
inline constexpr Range kCountFromZero = {.min = 0, .max = kMostCounted};
inline constexpr Range kCountFromOne = {.min = 1, .max = kMostCounted};
// A rank number fits an int; a token position and a completion index fit their fields of the random
// generator's counter (core/base/philox.hpp).
inline constexpr Range kRanks = {.min = 1, .max = 1 << 20};
inline constexpr Range kTokens = {.min = 1, .max = (1 << 24) - 1};
inline constexpr Range kCompletions = {.min = 1, .max = 1 << 20};

// The parts of the table that stand in schema_objective.cpp.
std::vector<Key> grpo_keys();
std::vector<Key> reward_keys();

}  // namespace cogent
