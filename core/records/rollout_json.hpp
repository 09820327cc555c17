#pragma once

#include "core/base/json_lines.hpp"
#include "core/records/records.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cogent {

// One line of rollout.record and rollout.replay (docs/formats/rollouts.md) and back. `where` begins
// the message of an Error of kData.
json::object to_json(const RolloutGroup& group);
RolloutGroup rollout_group_from_json(const json::object& line, const std::string& where);

// The lines of a step: one a group, or, where the step has none, one that says so.
std::vector<json::object> step_lines(std::int64_t step, std::span<const RolloutGroup> groups);

// A recorded file, or a folder with rollouts.jsonl: lines with an equal `step` are one batch, in
// order. The batch of a step without groups is empty.
std::vector<std::vector<RolloutGroup>> read_rollout_batches(const std::filesystem::path& path);

}  // namespace cogent
