#pragma once

#include "distributed/checkpoint/checkpoint_store.hpp"
#include "distributed/checkpoint/manifest.hpp"

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace cogent::distributed {

// What one learner wrote, as the manifest needs it.
struct ShardFileFacts {
  ManifestFile file;
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::vector<ManifestPiece> pieces;
};

// Writes the shards into a new file, syncs it, and reads it back: a success means that the file has
// the values that stand in memory. What is read may come from the system's page cache, so that a
// disk that keeps other bytes is found by the hashes when the file is loaded. `step` is for fault
// points. Errors are kCheckpoint.
ShardFileFacts write_shard_file(const std::filesystem::path& path, std::int64_t step,
                                const std::map<ShardKind, std::vector<ShardView>>& shards);

// Reads one dataset whole, checks its hash, and fills what the targets (all of this parameter and
// kind) want of it.
void read_piece(const std::filesystem::path& file, const ManifestPiece& piece,
                std::span<const ShardTarget* const> targets);

std::vector<std::byte> encode(const ShardFileFacts& facts);
ShardFileFacts decode_shard_file_facts(std::span<const std::byte> bytes);

}  // namespace cogent::distributed
