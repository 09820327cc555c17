#pragma once

#include "distributed/checkpoint/manifest.hpp"

#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace cogent::distributed {

// One finished checkpoint, read by one process on its own. Nothing of a file is used before its
// size and hash were found to be the manifest's: HDF5 never sees damaged bytes. Errors are
// kCheckpoint.
class CheckpointReader {
 public:
  // Reads and checks the manifest of dir.
  explicit CheckpointReader(std::filesystem::path dir);
  const Manifest& manifest() const { return manifest_; }

  // Existence, size and hash of the manifest's i-th file, or of the one of this name.
  void verify_file(std::size_t i) const;
  void verify_file(const std::string& name) const;
  void verify_all() const;
  // Fills the targets; opens only files that hold values of them. Callable from several threads.
  void read(ShardKind kind, const std::vector<ShardTarget>& targets) const;

 private:
  void check_target(ShardKind kind, const ShardTarget& target,
                    const std::vector<const ManifestPiece*>& pieces) const;
  void verify_once(const std::string& file) const;

  std::filesystem::path dir_;
  Manifest manifest_;
  std::map<std::pair<ShardKind, std::string>, std::vector<const ManifestPiece*>> pieces_;
  mutable std::mutex mutex_;
  mutable std::set<std::string> verified_;  // guarded by mutex_
};

}  // namespace cogent::distributed
