#pragma once

#include "core/base/json_lines.hpp"
#include "launch/report/run_record.hpp"

#include <span>
#include <string>
#include <vector>

namespace cogent::launch {

// Cells as they are shown. The first two columns are words, the others numbers.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

// A row for each evaluation.json, and for the last evaluation in the loop of each run and for
// that of its best checkpoint where it is another.
Table evaluation_table(std::span<const RunRecord> runs);
// A row for each run with metrics.
Table training_table(std::span<const RunRecord> runs);
// How completions were drawn: a row for each evaluation, and for each run whose metrics say so,
// with sums over its steps and the most pages that a step held.
Table sampling_table(std::span<const RunRecord> runs);
// Aligned columns for a terminal.
std::string to_text(const Table& table);

// All tables as numbers, null where unknown: {"evaluations": [{"run", "split", ...}],
// "training": [{"run", "stage", ...}], "sampling": [{"run", "stage", ...}],
// "best": [{"run", "step", "checkpoint"}] of the runs with an evaluated checkpoint}.
json::object summary_json(std::span<const RunRecord> runs);

}  // namespace cogent::launch
