#include "distributed/checkpoint/publish.hpp"

#include "core/base/error.hpp"
#include "core/base/fault.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "distributed/checkpoint/layout.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fcntl.h>

namespace cogent::distributed {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGenerationName = "generation";

// 0 where there is no file yet.
std::uint64_t read_generation(const fs::path& dir) {
  const fs::path path = dir / kGenerationName;
  if (!fs::exists(path)) {
    return 0;
  }
  const std::string text = read_file(path, ErrorCode::kCheckpoint);
  std::uint64_t generation = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, generation);
  check(failure == std::errc{} && std::string_view(stop, end) == "\n", ErrorCode::kCheckpoint,
        path.string(), " does not hold a number and a line end: remove it if no other run uses ",
        dir.string());
  return generation;
}

void rename_folder(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::rename(from, to, failure);
  check(!failure, ErrorCode::kCheckpoint, from.string(), " cannot be renamed to ", to.string(),
        ": ", failure.message());
}

void remove_folder(const fs::path& dir) {
  std::error_code failure;
  fs::remove_all(dir, failure);
  check(!failure, ErrorCode::kCheckpoint, dir.string(), " cannot be removed: ", failure.message());
}

}  // namespace

std::uint64_t begin_generation(const fs::path& dir) {
  std::error_code failure;
  fs::create_directories(dir, failure);
  check(!failure, ErrorCode::kCheckpoint, dir.string(), " cannot be made: ", failure.message());
  const std::uint64_t generation = read_generation(dir) + 1;
  write_file_atomic(dir / kGenerationName, concat(generation, "\n"), ErrorCode::kCheckpoint);
  return generation;
}

void check_generation(const fs::path& dir, std::uint64_t generation) {
  const std::uint64_t newest = read_generation(dir);
  check(newest == generation, ErrorCode::kCheckpoint, "start ", newest, " of this run writes to ",
        dir.string(), "; this is start ", generation, ", which no longer may");
}

void remove_temporary_folders(const fs::path& dir) {
  std::error_code failure;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator entry(dir, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("step-") && name.ends_with(kTemporarySuffix)) {
      leftovers.push_back(entry->path());
    }
  }
  check(!failure, ErrorCode::kCheckpoint, dir.string(), " cannot be listed: ", failure.message());
  for (const fs::path& leftover : leftovers) {
    remove_folder(leftover);
  }
}

void make_folder(const fs::path& dir) {
  std::error_code failure;
  fs::create_directory(dir, failure);
  check(!failure, ErrorCode::kCheckpoint, dir.string(), " cannot be made: ", failure.message());
}

void discard_folder(const fs::path& temporary, std::uint64_t generation) noexcept {
  try {
    check_generation(temporary.parent_path(), generation);
    remove_folder(temporary);
  } catch (const std::exception&) {  // The save's own failure is what the caller hears.
  }
}

void publish_folder(const fs::path& temporary, const fs::path& target) {
  if (!fs::exists(target)) {
    rename_folder(temporary, target);
  } else if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) ==
             0) {
    remove_folder(temporary);
  } else {
    // A file system without the exchange (NFS). The old folder is seldom worth keeping: a run
    // writes a step again only where it could not resume at it.
    check(errno == EINVAL || errno == ENOSYS, ErrorCode::kCheckpoint, temporary.string(),
          " cannot take the place of ", target.string(), ": ", std::strerror(errno));
    const fs::path old = target.string() + ".old" + kTemporarySuffix;
    rename_folder(target, old);
    rename_folder(temporary, target);
    remove_folder(old);
  }
  sync_path(target.parent_path(), ErrorCode::kCheckpoint);
}

void prune(const fs::path& dir, std::int64_t step, std::int64_t keep_last,
           std::span<const std::int64_t> kept) {
  try {
    std::int64_t newest = 1;
    for (const std::int64_t older : list_steps(dir)) {
      if (older >= step || newest++ < keep_last || std::ranges::find(kept, older) != kept.end()) {
        continue;
      }
      const fs::path folder = dir / step_folder_name(older);
      const fs::path hidden = folder.string() + kTemporarySuffix;
      rename_folder(folder, hidden);  // A half-removed one is never visible.
      fault_point("checkpoint.prune", step);
      remove_folder(hidden);
    }
  } catch (const Error& error) {
    log_warning("an old checkpoint stays: ", error.what());
  }
}

}  // namespace cogent::distributed
