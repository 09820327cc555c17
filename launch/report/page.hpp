#pragma once

#include "launch/report/run_record.hpp"

#include <span>
#include <string>

namespace cogent::launch {

// The report of the runs as one self-contained HTML page: tables, charts by step, a few predictions
// beside the gold entities, the configurations. It loads nothing from elsewhere and has no scripts.
std::string report_page(const std::string& title, std::span<const RunRecord> runs);

}  // namespace cogent::launch
