#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace cogent {

// What went wrong, by the exit status that it ends the process with (docs/operations.md).
enum class ErrorCode : int {
  kUnexpected = 1,
  kUsage = 2,  // command line or configuration
  kData = 3,
  kCheckpoint = 4,
  kCommunication = 5,
  kDeadline = 6,
  kNumerics = 7,
  kModel = 8,
  kStopped = 85,  // stopped on request, after saving
};

constexpr int exit_status(ErrorCode code) {
  return static_cast<int>(code);
}

// The one exception type of the project: a broken contract or a fault of the outside world. The
// message names the thing, both numbers, and what to do. Expected outcomes (an answer that does not
// parse, a missing checkpoint) are values, not errors.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

// The parts, streamed one after another.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

template <typename... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw Error(code, concat(parts...));
}

// Throws an Error made of the parts unless the condition holds.
template <typename... Parts>
void check(bool condition, ErrorCode code, const Parts&... parts) {
  if (!condition) [[unlikely]] {
    fail(code, parts...);
  }
}

}  // namespace cogent
