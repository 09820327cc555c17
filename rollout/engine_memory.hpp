#pragma once

#include "core/model/weights/model_config.hpp"
#include "core/records/records.hpp"

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <span>

namespace cogent::rollout {

struct EngineOptions;

// Rows whose logits [rows, vocab] exist at a time.
inline constexpr std::int64_t kLogitRows = 128;

// Pages of the KV cache that these requests can hold at a time: as many completions as are in
// progress at once, each with a prompt of its own.
std::int64_t pages_needed(std::span<const RolloutRequest> requests, const EngineOptions& options);

// Bytes that one Engine::generate of these requests takes beside the weights, at most. `compute`:
// as in core/model/transformer_memory.hpp.
struct EngineMemory {
  std::int64_t kv_cache = 0;
  std::int64_t forward = 0;  // of the largest batch of prompt rows
  std::int64_t logits = 0;   // of a step and of prompts whose completions wait, with what is drawn
                             // from
};
EngineMemory engine_memory(const model::ModelConfig& config, at::ScalarType compute,
                           const EngineOptions& options, std::span<const RolloutRequest> requests,
                           std::int64_t threads);

}  // namespace cogent::rollout
