#pragma once

#include <filesystem>
#include <span>

namespace cogent::model {

// A folder that is whole as soon as it has its name: files are written into OUT.tmp, which finish()
// renames to `out`. Errors are of kModel.
class OutputFolder {
 public:
  // `files`: every name that will be written; what an export that was killed left of them in
  // OUT.tmp goes. An `out` that exists and is not an empty folder, or an OUT.tmp with anything
  // else, is an Error, and stays as it is.
  OutputFolder(const std::filesystem::path& out, std::span<const char* const> files);

  const std::filesystem::path& path() const { return folder_; }  // to write into
  void finish() const;

 private:
  std::filesystem::path target_;
  std::filesystem::path folder_;
};

}  // namespace cogent::model
