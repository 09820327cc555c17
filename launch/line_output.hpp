#pragma once

#include "core/base/json_lines.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

namespace cogent::launch {

// Where a command's JSON lines go: standard output, or a file. The lines of a file are gathered in
// PATH.partial beside it, and finish() gives them the file's name: a command that fails leaves the
// file as it was, which may be its own input, and what it had written in PATH.partial. A device or
// a pipe is written in place. What cannot be written is an Error of kData.
class LineOutput {
 public:
  explicit LineOutput(const std::string& path);  // empty: standard output
  ~LineOutput();
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(const json::object& line);
  // Hands what was written to the operating system.
  void flush();
  // All lines are written; those of a file are on the disk, under its name.
  void finish();

 private:
  std::ostream& stream();
  void check_stream();

  std::string name_;               // for messages
  std::filesystem::path path_;     // the file behind any links; empty: standard output
  std::filesystem::path partial_;  // empty where written in place, and once finished
  std::ofstream file_;
  std::size_t lines_ = 0;
};

// Flushes what the process wrote to standard output. An Error of kData where that cannot be.
void flush_standard_output();

}  // namespace cogent::launch
