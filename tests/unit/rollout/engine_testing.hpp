#pragma once

#include "core/model/transformer.hpp"
#include "core/model/weights/weight_source.hpp"
#include "rollout/engine.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cogent::rollout::testing {

// A tiny model of the fixtures with its weights, in float32, or bfloat16 for weights and
// activations.
struct TinyModel {
  explicit TinyModel(const std::string& name, at::ScalarType type = at::kFloat);

  std::unique_ptr<model::WeightSource> source;
  model::Transformer transformer;
  model::ModelWeights weights;
};

// Requests of different prompt lengths, group sizes and budgets.
std::vector<RolloutRequest> mixed_requests(const model::ModelConfig& config, float temperature);

std::vector<RolloutGroup> generate(TinyModel& tiny, std::span<const RolloutRequest> requests,
                                   EngineOptions options = {});

// Logits [vocab] behind the last of these ids, by a forward of the whole sequence without a cache.
at::Tensor full_logits(const TinyModel& tiny, const std::vector<std::int32_t>& ids);

// Tokens and the bits of their log-probabilities.
std::vector<std::pair<std::vector<std::int32_t>, std::vector<float>>> all_draws(
    std::span<const RolloutGroup> groups);

// Bytes of a page of the KV cache.
std::int64_t page_bytes(const model::ModelConfig& config);

}  // namespace cogent::rollout::testing
