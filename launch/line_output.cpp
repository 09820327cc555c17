#include "launch/line_output.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <cerrno>
#include <cstring>
#include <iostream>

namespace cogent::launch {

namespace fs = std::filesystem;

LineOutput::LineOutput(const std::string& path) : name_(path.empty() ? "standard output" : path) {
  if (path.empty()) {
    return;
  }
  std::error_code failure;
  path_ = fs::weakly_canonical(path, failure);
  if (failure) {
    path_ = path;
  }
  const fs::file_status earlier = fs::status(path_, failure);
  const bool replaced = fs::is_regular_file(earlier);
  if (replaced || !fs::exists(earlier)) {
    partial_ = path_.string() + ".partial";
  }
  file_.open(partial_.empty() ? path_ : partial_);
  check(file_.good(), ErrorCode::kData, partial_.empty() ? name_ : partial_.string(),
        " cannot be opened for writing: ", std::strerror(errno));
  if (replaced) {
    fs::permissions(partial_, earlier.permissions(), failure);
  }
}

LineOutput::~LineOutput() {
  if (!partial_.empty() && lines_ == 0) {
    file_.close();
    std::error_code ignored;
    fs::remove(partial_, ignored);
  }
}

std::ostream& LineOutput::stream() {
  return path_.empty() ? std::cout : file_;
}

void LineOutput::check_stream() {
  check(stream().good(), ErrorCode::kData, name_,
        " cannot be written: is the disk full, or the reader gone?");
}

void LineOutput::write(const json::object& line) {
  stream() << to_json_line(line) << '\n';
  check_stream();
  ++lines_;
}

void LineOutput::flush() {
  stream().flush();
  check_stream();
}

void LineOutput::finish() {
  flush();
  if (path_.empty()) {
    return;
  }
  file_.close();
  check_stream();
  if (!partial_.empty()) {
    rename_synced(partial_, path_, ErrorCode::kData);
    partial_.clear();
  }
}

void flush_standard_output() {
  LineOutput("").flush();
}

}  // namespace cogent::launch
