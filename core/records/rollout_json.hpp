#pragma once

#include "core/base/json_lines.hpp"
#include "core/records/records.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace cogent {

// One line of rollout.record and rollout.replay (docs/formats/rollouts.md) and back. `where` begins
// the message of an Error of kData.
json::object to_json(const RolloutGroup& group);
RolloutGroup rollout_group_from_json(const json::object& line, const std::string& where);

// A recorded file, or a folder with rollouts.jsonl: lines with an equal `step` are one batch, in
// order.
std::vector<std::vector<RolloutGroup>> read_rollout_batches(const std::filesystem::path& path);

}  // namespace cogent
