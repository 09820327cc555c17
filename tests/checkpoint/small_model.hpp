#pragma once

#include "distributed/checkpoint/checkpoint_store.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace cogent::distributed::testing {

// A folder that removes itself.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline constexpr ShardKind kKinds[] = {ShardKind::kWeight, ShardKind::kExpAvg,
                                       ShardKind::kExpAvgSq};

struct SmallParameter {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t size() const;
};
// Three parameters; the last has one value, so that some ranks hold nothing of it.
const std::vector<SmallParameter>& small_parameters();

// The value that stands at this place in a checkpoint of this step.
float expected_value(std::int64_t step, ShardKind kind, std::size_t parameter, std::int64_t i);

// One rank's shards: each parameter cut evenly over the ranks. Owns its values.
class SmallShards {
 public:
  SmallShards(std::int64_t step, int rank, int ranks);  // with the expected values
  SmallShards(int rank, int ranks) : SmallShards(-1, rank, ranks) {}
  std::map<ShardKind, std::vector<ShardView>> views() const;
  std::map<ShardKind, std::vector<ShardTarget>> targets();
  // How many values differ from those of the step.
  std::int64_t differences(std::int64_t step) const;

 private:
  struct Piece {
    ShardPlace place;
    std::size_t parameter;
    std::vector<float> values;
  };
  std::map<ShardKind, std::vector<Piece>> pieces_;
};

CheckpointState small_state(std::int64_t step);
bool same_state(const CheckpointState& left, const CheckpointState& right);
std::map<std::string, std::string> small_files();

// Saves these steps with so many ranks; what the ranks threw.
std::vector<std::string> save_steps(const std::filesystem::path& dir, int ranks,
                                    const std::vector<std::int64_t>& steps,
                                    std::int64_t keep_last = 100);
// The newest valid step by find_latest on one rank, -1 for none.
std::int64_t find_step(const std::filesystem::path& dir);
// The message of find_latest on one rank; empty where it found a checkpoint or none stands.
std::string find_error(const std::filesystem::path& dir);
std::vector<std::string> entries(const std::filesystem::path& dir);  // names, sorted

}  // namespace cogent::distributed::testing
