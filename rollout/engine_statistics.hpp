#pragma once

#include "core/base/json_lines.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cogent::rollout {

// What an engine did: sums over its calls, but for the pages.
struct EngineStatistics {
  std::int64_t prompt_tokens = 0;  // computed: a group's prompt counts once
  std::int64_t completion_tokens = 0;
  std::int64_t drafted_tokens = 0;   // guessed
  std::int64_t accepted_tokens = 0;  // of them, those that were drawn with a token behind them
  std::int64_t steps = 0;            // forwards
  std::int64_t preemptions = 0;
  std::int64_t recomputed_rows = 0;  // of prompts and completions, behind preemptions
  std::int64_t kv_pages = 0;         // of the KV cache, the most that a call had
  std::int64_t kv_pages_peak = 0;    // of them, the most that were held at a time
  double seconds = 0;

  double tokens_per_second() const;  // 0 where no time was measured
  double draft_acceptance() const;   // accepted / drafted, NaN where nothing was drafted
};

// Adds what the same engine did in another call.
void add_call(EngineStatistics& sum, const EngineStatistics& call);
// Of engines that drew at the same time, each on a rank: sums, and the longest of their seconds, so
// that tokens_per_second() is what all of them together came to.
EngineStatistics together(std::span<const EngineStatistics> engines);

// Bytes for a channel and back (docs/formats/wire.md). Decoding throws kCommunication where they do
// not fit.
std::vector<std::byte> encode(const EngineStatistics& statistics);
EngineStatistics decode_statistics(std::span<const std::byte> bytes);

// sampled_tokens, sampling_tokens_per_second, drafted_tokens, draft_acceptance (null where nothing
// was drafted), preemptions, recomputed_rows, kv_pages_peak, kv_pages: docs/operations.md.
json::object to_json(const EngineStatistics& statistics);
// For a log.
std::string one_line(const EngineStatistics& statistics);

}  // namespace cogent::rollout
