#pragma once

#include "core/base/json_lines.hpp"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace cogent::launch {

// Which of a run's checkpoints are its best is nowhere written down: it follows from the lines of
// evaluations.jsonl and from what stands in checkpoints/, so that no moment leaves it half said.

// The versions of these evaluations, best first; of equal ones the earlier is the better. The last
// line decides what counts: mean F1 where it has one, else loss. Lines without that number are left
// out.
std::vector<std::int64_t> versions_by_score(std::span<const json::object> evaluations);

// The versions before `before` that were evaluated and have a checkpoint in the run folder, best
// first. Lines of `before` and later count for nothing: whether they are written yet is a question
// of time. Checkpoints are not verified.
std::vector<std::int64_t> evaluated_checkpoints(
    const std::filesystem::path& run,
    std::int64_t before = std::numeric_limits<std::int64_t>::max());

// The first valid one of them; those that are not are named in the log.
std::optional<std::filesystem::path> best_checkpoint(const std::filesystem::path& run);

}  // namespace cogent::launch
