#include "core/model/weights/output_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <string>
#include <system_error>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;

void check_free(const fs::path& out) {
  std::error_code failure;
  if (!fs::exists(out)) {
    return;
  }
  check(fs::is_directory(out) && fs::is_empty(out, failure), ErrorCode::kModel, out.string(),
        " exists and is not an empty folder; choose another name, or remove it");
}

}  // namespace

OutputFolder::OutputFolder(const fs::path& out, std::span<const char* const> files)
    : target_(out.has_filename() ? out : out.parent_path()),  // "out/" is "out"
      folder_(target_.string() + ".tmp") {
  check_free(target_);
  std::error_code failure;
  fs::create_directories(folder_, failure);
  check(!failure, ErrorCode::kModel, folder_.string(), " cannot be made: ", failure.message());
  for (const char* const name : files) {
    fs::remove(folder_ / name, failure);
    fs::remove(folder_ / (std::string(name) + ".tmp"), failure);
  }
  check(fs::is_empty(folder_, failure), ErrorCode::kModel, folder_.string(),
        " holds files of something else; remove them");
}

void OutputFolder::finish() const {
  sync_path(folder_, ErrorCode::kModel);
  std::error_code failure;
  fs::rename(folder_, target_, failure);
  check(!failure, ErrorCode::kModel, folder_.string(), " cannot be renamed to ", target_.string(),
        ": ", failure.message());
  sync_path(target_.has_parent_path() ? target_.parent_path() : fs::path("."), ErrorCode::kModel);
}

}  // namespace cogent::model
