#pragma once

#include "core/config/run_config.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cogent {

// Reads a YAML file (empty path: only defaults), then applies `key=value` overrides in order (the
// value is YAML). `preset: NAME`, in the file or as an override, stands for the keys of that preset
// (core/config/presets.hpp) in front of all of them. An unknown key is an Error of kUsage that
// names the nearest known one; so is a value of the wrong kind, with the line where it stands.
RunConfig load_config(const std::filesystem::path& file, std::span<const std::string> overrides);
RunConfig parse_config(const std::string& yaml, const std::string& source_name,
                       std::span<const std::string> overrides);

enum class Stage { kAnnotate, kSft, kGrpo, kEvaluate };

// Cross-field checks for a stage and a world size; the first broken rule is an Error of kUsage with
// both values and what to change.
void validate_config(const RunConfig& config, Stage stage, int world_size);

// The complete configuration, every key in table order: what run.dir/config.yaml holds.
// parse_config(to_yaml(c)) gives c again.
std::string to_yaml(const RunConfig& config);

// XXH3-64 of the keys that change the arithmetic of a run. A resume may change the others (counts
// of ranks, paths, logging).
std::uint64_t arithmetic_digest(const RunConfig& config);
// Those keys of which the two differ, "grpo.beta was 0, is 0.1; ...": empty where the digests are
// equal.
std::string arithmetic_differences(const RunConfig& then, const RunConfig& now);

// A key, or every key of a section, with kind, range, default, class and meaning, as text for a
// terminal. An Error of kUsage names the nearest key where it is unknown.
std::string explain_key(const std::string& key);
// All keys as the Markdown of docs/config.md.
std::string explain_all_markdown();

}  // namespace cogent
