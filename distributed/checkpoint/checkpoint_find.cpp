#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "distributed/checkpoint/checkpoint_reader.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"
#include "distributed/checkpoint/layout.hpp"

namespace cogent::distributed {

namespace fs = std::filesystem;

bool is_checkpoint(const fs::path& dir) {
  std::error_code ignored;
  return fs::is_regular_file(dir / kManifestName, ignored);
}

std::optional<fs::path> first_valid_checkpoint(const fs::path& dir,
                                               std::span<const std::int64_t> steps) {
  for (const std::int64_t step : steps) {
    const fs::path candidate = dir / step_folder_name(step);
    try {
      CheckpointReader(candidate).verify_all();
      return candidate;
    } catch (const Error& error) {
      log_warning(step_folder_name(step), " is passed over: ", error.what());
    }
  }
  return std::nullopt;
}

std::optional<fs::path> latest_checkpoint(const fs::path& run_or_checkpoints_dir) {
  std::error_code ignored;
  const fs::path inner = run_or_checkpoints_dir / "checkpoints";
  const fs::path dir = fs::is_directory(inner, ignored) ? inner : run_or_checkpoints_dir;
  const auto steps = list_steps(dir);
  if (const auto newest = first_valid_checkpoint(dir, steps)) {
    return newest;
  }
  check(steps.empty(), ErrorCode::kCheckpoint, "none of the ", steps.size(), " checkpoints in ",
        dir.string(), " is valid: repair or remove them");
  return std::nullopt;
}

CheckpointState read_checkpoint_state(const fs::path& dir) {
  return CheckpointReader(dir).manifest().state;
}

}  // namespace cogent::distributed
