#pragma once

#include "core/base/json_lines.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::launch {

// A checkpoint whose version was evaluated in the loop.
struct EvaluatedCheckpoint {
  std::int64_t step = 0;
  std::filesystem::path folder;
};

// What a run folder holds for a report. A run may be going on: a half-written last line is left
// out, and so is every member that is missing.
struct RunRecord {
  std::string name;    // of the folder
  std::string config;  // config.yaml as it stands
  std::vector<json::object> metrics;
  std::vector<json::object> evaluations;    // in the loop
  std::optional<json::object> evaluation;   // of `cogent evaluate`
  std::optional<json::object> sampling;     // how it was drawn
  std::optional<EvaluatedCheckpoint> best;  // of the evaluations in the loop
  std::string predictions_file;             // name of the file that the next were read from
  std::vector<json::object> predictions;    // the first few
  std::size_t unread_lines = 0;             // not JSON objects, the half-written ones not counted
};

// The run in `folder`, or the runs in the folders below it: base, sft, grpo (by the beginning of
// their names), then the others; each kind in the order of its config.yaml's time. A folder is a
// run where it has a config.yaml. An Error of kData where there is no run at all.
std::vector<RunRecord> read_runs(const std::filesystem::path& folder);

// The first objects of a JSON-lines file to which lines may be being added: a last line without its
// line end is left out, others that are no objects are counted. None where the file is missing.
inline constexpr std::size_t kEveryLine = std::numeric_limits<std::size_t>::max();
std::vector<json::object> read_finished_lines(const std::filesystem::path& path, std::size_t limit,
                                              std::size_t& unread_lines);

// A number of an object; nothing where the key is missing or holds something else.
std::optional<double> find_number(const json::object& object, std::string_view key);
// A string of an object; empty where the key is missing or holds something else.
std::string find_text(const json::object& object, std::string_view key);

}  // namespace cogent::launch
