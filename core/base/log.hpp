#pragma once

#include "core/base/error.hpp"

#include <string>
#include <string_view>

namespace cogent {

// Rank-tagged log lines on standard error and, once log_to_file was called, in the rank's file.
// Thread-safe.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Tag of every later line, for example "learner 0". Empty: no tag.
void set_log_tag(const std::string& tag);
// Lines below this level are dropped from standard error; the file keeps everything from kInfo up.
void set_log_level(LogLevel level);
// Also appends every line to this file, made if it is missing. Throws kUnexpected where it cannot
// be opened.
void log_to_file(const std::string& path);
void log_line(LogLevel level, std::string_view text);
// Hands everything to the operating system: called before an abort.
void flush_log() noexcept;

template <typename... Parts>
void log_info(const Parts&... parts) {
  log_line(LogLevel::kInfo, concat(parts...));
}
template <typename... Parts>
void log_warning(const Parts&... parts) {
  log_line(LogLevel::kWarning, concat(parts...));
}
template <typename... Parts>
void log_error(const Parts&... parts) {
  log_line(LogLevel::kError, concat(parts...));
}

}  // namespace cogent
