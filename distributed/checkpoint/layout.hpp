#pragma once

#include "distributed/checkpoint/checkpoint_store.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::distributed {

// Names of files and folders of a checkpoint: docs/formats/checkpoint.md.
inline constexpr const char* kManifestName = "manifest.yaml";
inline constexpr const char* kTemporarySuffix = ".tmp";
inline constexpr ShardKind kShardKinds[] = {ShardKind::kWeight, ShardKind::kExpAvg,
                                            ShardKind::kExpAvgSq};

std::string step_folder_name(std::int64_t step);  // step-00000012
std::string shard_file_name(int learner);         // learner-0003.h5
const char* shard_kind_name(ShardKind kind);      // weight, exp_avg, exp_avg_sq
std::string dataset_name(ShardKind kind, std::string_view parameter);  // /weight/NAME

// The steps of the finished checkpoints of a folder, newest first. A missing folder has none.
std::vector<std::int64_t> list_steps(const std::filesystem::path& dir);

// A name that stands for exactly one entry of a folder: not empty, no '/', not "." or "..".
bool is_plain_name(std::string_view name);

// Values of a parameter of this shape; fails where a dimension is not positive or the product
// passes 2^62. `name` is for the message.
std::int64_t parameter_size(const std::vector<std::int64_t>& shape, const std::string& name);

struct FileFacts {
  std::uint64_t size = 0;
  std::uint64_t xxh3 = 0;
};
// Reads the whole file.
FileFacts read_file_facts(const std::filesystem::path& path);

}  // namespace cogent::distributed
