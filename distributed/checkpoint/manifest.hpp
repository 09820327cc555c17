#pragma once

#include "distributed/checkpoint/checkpoint_store.hpp"
#include "distributed/checkpoint/layout.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::distributed {

struct ManifestFile {
  std::string name;
  FileFacts facts;
};

// One dataset: values offset .. offset + count of a parameter.
struct ManifestPiece {
  std::string file;
  ShardKind kind = ShardKind::kWeight;
  std::string parameter;
  std::int64_t offset = 0;
  std::int64_t count = 0;
  std::uint64_t xxh3 = 0;
};

// What manifest.yaml holds: docs/formats/checkpoint.md.
struct Manifest {
  std::uint64_t generation = 0;
  CheckpointState state;
  std::map<std::string, std::vector<std::int64_t>> shapes;  // of each parameter
  std::vector<ManifestFile> files;                          // every file but the manifest
  std::vector<ManifestPiece> pieces;
};

inline constexpr int kFormatVersion = 1;

// The text of the file. Its last line is the hash of the lines before it.
std::string write_manifest(const Manifest& manifest);

// The opposite, for any bytes. `where` is for messages. Errors of kCheckpoint: cut off, changed,
// another format version, a key that is absent or has a value it cannot have, a piece outside its
// parameter or in a file that is not listed.
Manifest parse_manifest(std::string_view text, const std::string& where);

// The part of parse_manifest behind the check of the last line; for tests of its own errors.
Manifest parse_manifest_body(std::string_view body, const std::string& where);

// Ranges that are wanted of a parameter and held by no piece: the first such [begin, end).
struct Gap {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
std::optional<Gap> first_gap(std::vector<const ManifestPiece*> pieces, std::int64_t begin,
                             std::int64_t end);

// Throws where the pieces of one kind of a parameter do not cover it exactly once.
void check_coverage(const Manifest& manifest);

}  // namespace cogent::distributed
