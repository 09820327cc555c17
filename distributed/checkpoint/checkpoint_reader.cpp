#include "distributed/checkpoint/checkpoint_reader.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "distributed/checkpoint/shard_file.hpp"

#include <algorithm>

namespace cogent::distributed {

namespace fs = std::filesystem;

CheckpointReader::CheckpointReader(fs::path dir) : dir_(std::move(dir)) {
  const fs::path path = dir_ / kManifestName;
  manifest_ = parse_manifest(read_file(path, ErrorCode::kCheckpoint), path.string());
  for (const ManifestPiece& piece : manifest_.pieces) {
    pieces_[{piece.kind, piece.parameter}].push_back(&piece);
  }
}

void CheckpointReader::verify_file(std::size_t i) const {
  const ManifestFile& expected = manifest_.files.at(i);
  const fs::path path = dir_ / expected.name;
  std::error_code failure;
  const std::uintmax_t size = fs::file_size(path, failure);
  check(!failure, ErrorCode::kCheckpoint, path.string(), " cannot be read: ", failure.message());
  check(size == expected.facts.size, ErrorCode::kCheckpoint, path.string(), " has ", size,
        " bytes, the manifest says ", expected.facts.size);
  const FileFacts found = read_file_facts(path);
  check(found.xxh3 == expected.facts.xxh3, ErrorCode::kCheckpoint, path.string(),
        " is damaged: it has the hash ", hex64(found.xxh3), ", the manifest says ",
        hex64(expected.facts.xxh3));
}

void CheckpointReader::verify_file(const std::string& name) const {
  const auto entry = std::find_if(manifest_.files.begin(), manifest_.files.end(),
                                  [&](const ManifestFile& listed) { return listed.name == name; });
  check(entry != manifest_.files.end(), ErrorCode::kCheckpoint, (dir_ / kManifestName).string(),
        " does not list ", name);
  verify_file(static_cast<std::size_t>(entry - manifest_.files.begin()));
}

void CheckpointReader::verify_all() const {
  for (std::size_t i = 0; i < manifest_.files.size(); ++i) {
    verify_file(i);
  }
}

void CheckpointReader::verify_once(const std::string& file) const {
  const std::lock_guard lock(mutex_);
  if (verified_.count(file) != 0) {
    return;
  }
  verify_file(file);
  verified_.insert(file);
}

void CheckpointReader::check_target(ShardKind kind, const ShardTarget& target,
                                    const std::vector<const ManifestPiece*>& pieces) const {
  const ShardPlace& place = target.place;
  const std::string name = dataset_name(kind, place.parameter);
  const auto shape = manifest_.shapes.find(place.parameter);
  check(shape != manifest_.shapes.end(), ErrorCode::kCheckpoint, dir_.string(),
        " does not hold the parameter ", place.parameter);
  const auto text = [](const std::vector<std::int64_t>& extents) {
    std::string joined;
    for (const std::int64_t extent : extents) {
      joined += (joined.empty() ? "" : " x ") + std::to_string(extent);
    }
    return joined;
  };
  check(shape->second == place.shape, ErrorCode::kCheckpoint, place.parameter, " of ",
        dir_.string(), " has the shape ", text(shape->second), ", the model has ",
        text(place.shape));
  const auto end = place.offset + static_cast<std::int64_t>(target.values.size());
  if (const auto gap = first_gap(pieces, place.offset, end)) {
    fail(ErrorCode::kCheckpoint, dir_.string(), " does not hold values ", gap->begin, " to ",
         gap->end, " of ", name);
  }
}

void CheckpointReader::read(ShardKind kind, const std::vector<ShardTarget>& targets) const {
  std::map<std::string, std::vector<const ShardTarget*>> by_parameter;
  for (const ShardTarget& target : targets) {
    if (!target.values.empty()) {
      by_parameter[target.place.parameter].push_back(&target);
    }
  }
  for (const auto& [parameter, wanted] : by_parameter) {
    const auto found = pieces_.find({kind, parameter});
    const auto pieces =
        found == pieces_.end() ? std::vector<const ManifestPiece*>() : found->second;
    for (const ShardTarget* target : wanted) {
      check_target(kind, *target, pieces);
    }
    for (const ManifestPiece* piece : pieces) {
      const bool is_wanted =
          std::any_of(wanted.begin(), wanted.end(), [&](const ShardTarget* target) {
            const std::int64_t begin = target->place.offset;
            const auto end = begin + static_cast<std::int64_t>(target->values.size());
            return piece->offset < end && begin < piece->offset + piece->count;
          });
      if (is_wanted) {
        verify_once(piece->file);
        read_piece(dir_ / piece->file, *piece, wanted);
      }
    }
  }
}

}  // namespace cogent::distributed
