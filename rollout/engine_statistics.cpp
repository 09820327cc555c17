#include "rollout/engine_statistics.hpp"

#include "core/base/bytes.hpp"

#include <algorithm>
#include <iomanip>
#include <limits>
#include <sstream>

namespace cogent::rollout {
namespace {

// Every count that calls and ranks add up.
constexpr std::int64_t EngineStatistics::*kCounts[] = {
    &EngineStatistics::prompt_tokens,   &EngineStatistics::completion_tokens,
    &EngineStatistics::drafted_tokens,  &EngineStatistics::accepted_tokens,
    &EngineStatistics::steps,           &EngineStatistics::preemptions,
    &EngineStatistics::recomputed_rows,
};
// Those that ranks add up, and of which the calls of one rank have a largest.
constexpr std::int64_t EngineStatistics::*kPages[] = {&EngineStatistics::kv_pages,
                                                      &EngineStatistics::kv_pages_peak};

}  // namespace

double EngineStatistics::tokens_per_second() const {
  return seconds > 0 ? static_cast<double>(completion_tokens) / seconds : 0;
}

double EngineStatistics::draft_acceptance() const {
  return drafted_tokens > 0
             ? static_cast<double>(accepted_tokens) / static_cast<double>(drafted_tokens)
             : std::numeric_limits<double>::quiet_NaN();
}

void add_call(EngineStatistics& sum, const EngineStatistics& call) {
  for (const auto count : kCounts) {
    sum.*count += call.*count;
  }
  for (const auto pages : kPages) {
    sum.*pages = std::max(sum.*pages, call.*pages);
  }
  sum.seconds += call.seconds;
}

EngineStatistics together(std::span<const EngineStatistics> engines) {
  EngineStatistics all;
  for (const EngineStatistics& engine : engines) {
    for (const auto count : kCounts) {
      all.*count += engine.*count;
    }
    for (const auto pages : kPages) {
      all.*pages += engine.*pages;
    }
    all.seconds = std::max(all.seconds, engine.seconds);
  }
  return all;
}

std::vector<std::byte> encode(const EngineStatistics& statistics) {
  ByteWriter bytes;
  for (const auto count : kCounts) {
    bytes.write(statistics.*count);
  }
  for (const auto pages : kPages) {
    bytes.write(statistics.*pages);
  }
  bytes.write(statistics.seconds);
  return bytes.take();
}

EngineStatistics decode_statistics(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "a rank's sampling statistics", ErrorCode::kCommunication);
  EngineStatistics statistics;
  for (const auto count : kCounts) {
    statistics.*count = reader.read<std::int64_t>();
  }
  for (const auto pages : kPages) {
    statistics.*pages = reader.read<std::int64_t>();
  }
  statistics.seconds = reader.read<double>();
  reader.expect_end();
  return statistics;
}

json::object to_json(const EngineStatistics& statistics) {
  return {{"sampled_tokens", statistics.completion_tokens},
          {"sampling_tokens_per_second", statistics.tokens_per_second()},
          {"drafted_tokens", statistics.drafted_tokens},
          {"draft_acceptance", statistics.draft_acceptance()},
          {"preemptions", statistics.preemptions},
          {"recomputed_rows", statistics.recomputed_rows},
          {"kv_pages_peak", statistics.kv_pages_peak},
          {"kv_pages", statistics.kv_pages}};
}

std::string one_line(const EngineStatistics& statistics) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << statistics.completion_tokens << " tokens drawn in "
      << statistics.seconds << " s, " << statistics.tokens_per_second() << " tokens/s; ";
  if (statistics.drafted_tokens > 0) {
    out << 100 * statistics.draft_acceptance() << "% of " << statistics.drafted_tokens
        << " drafted tokens accepted; ";
  } else {
    out << "no drafts; ";
  }
  out << statistics.preemptions << " preemptions, " << statistics.recomputed_rows
      << " rows computed again; at most " << statistics.kv_pages_peak << " of "
      << statistics.kv_pages << " KV pages in use";
  return std::move(out).str();
}

}  // namespace cogent::rollout
