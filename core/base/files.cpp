#include "core/base/files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace cogent {
namespace {

namespace fs = std::filesystem;

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, ErrorCode code, const char* purpose)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    check(fd_ >= 0, code, path.string(), " cannot be opened for ", purpose, ": ",
          std::strerror(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::size_t regular_size(const Descriptor& file, const fs::path& path, ErrorCode code) {
  struct stat status {};
  check(::fstat(file.fd(), &status) == 0, code, path.string(),
        " cannot be read: ", std::strerror(errno));
  check(!S_ISDIR(status.st_mode), code, path.string(), " is a folder, a file is needed");
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

std::string read_file(const fs::path& path, ErrorCode code) {
  const Descriptor file(path, O_RDONLY, code, "reading");
  std::string bytes(regular_size(file, path, code), '\0');
  std::size_t filled = 0;
  for (;;) {
    if (filled == bytes.size()) {
      bytes.resize(filled + 65536);  // A pipe says 0, and a file may grow while it is read.
    }
    const ssize_t count = ::read(file.fd(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    check(count >= 0, code, path.string(), " cannot be read: ", std::strerror(errno));
    if (count == 0) {
      break;
    }
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

void write_file_atomic(const fs::path& path, std::string_view bytes, ErrorCode code) {
  const fs::path temporary = path.string() + ".tmp";
  {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC, code, "writing");
    while (!bytes.empty()) {
      const ssize_t count = ::write(file.fd(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) {
        continue;
      }
      check(count >= 0, code, temporary.string(), " cannot be written: ", std::strerror(errno));
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  rename_synced(temporary, path, code);
}

void rename_synced(const fs::path& from, const fs::path& to, ErrorCode code) {
  sync_path(from, code);
  std::error_code failure;
  fs::rename(from, to, failure);
  check(!failure, code, from.string(), " cannot be renamed to ", to.string(), ": ",
        failure.message());
  sync_path(to.has_parent_path() ? to.parent_path() : fs::path("."), code);
}

void sync_path(const fs::path& path, ErrorCode code) {
  const Descriptor file(path, O_RDONLY, code, "syncing");
  check(::fsync(file.fd()) == 0, code, path.string(), " cannot be synced: ", std::strerror(errno));
}

MappedFile::MappedFile(const fs::path& path, ErrorCode code) : path_(path) {
  const Descriptor file(path, O_RDONLY, code, "reading");
  size_ = regular_size(file, path, code);
  if (size_ == 0) {
    return;
  }
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  check(address != MAP_FAILED, code, path.string(), " cannot be mapped: ", std::strerror(errno));
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), size_);
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::drop_pages(std::span<const std::byte> part) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const auto file = reinterpret_cast<std::uintptr_t>(data_);
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + part.size()) / page * page;
  if (begin >= file && begin + part.size() <= file + size_ && first < last) {
    // A refusal leaves the pages where they are, which costs memory and nothing else.
    ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
}

}  // namespace cogent
