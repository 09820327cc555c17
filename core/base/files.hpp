#pragma once

#include "core/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace cogent {

// The whole file as a string. An Error of `code` names the path and the system's reason.
std::string read_file(const std::filesystem::path& path, ErrorCode code);

// Replaces the file by these bytes: written beside it, synced, renamed. A reader sees the old file
// or the new one, never a part.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes, ErrorCode code);

// Gives a complete file its name, in place of what stood there: synced, renamed, the folder synced.
// Both names are of one folder.
void rename_synced(const std::filesystem::path& from, const std::filesystem::path& to,
                   ErrorCode code);

// Flushes a file or a directory entry to the disk.
void sync_path(const std::filesystem::path& path, ErrorCode code);

// A file mapped for reading. The bytes live as long as the object.
class MappedFile {
 public:
  MappedFile(const std::filesystem::path& path, ErrorCode code);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }
  // The pages that lie whole within `part` leave this process's memory; who reads them again gets
  // them from the file. Nothing happens where `part` is not of this file.
  void drop_pages(std::span<const std::byte> part) const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace cogent
