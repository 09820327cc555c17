#include "core/base/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>

namespace cogent {
namespace {

// The process's logger: the one piece of global state, since a log line may come from any thread
// and before any object exists.
struct LogState {
  std::mutex mutex;
  std::string tag;
  std::shared_ptr<spdlog::sinks::stderr_color_sink_mt> console =
      std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  spdlog::logger logger{"cogent", console};

  LogState() {
    logger.set_level(spdlog::level::debug);
    console->set_level(spdlog::level::info);
    logger.set_pattern("%H:%M:%S %^%L%$ %v");
    logger.flush_on(spdlog::level::warn);
  }
};

LogState& state() {
  static LogState instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void set_log_tag(const std::string& tag) {
  std::lock_guard lock(state().mutex);
  state().tag = tag;
}

void set_log_level(LogLevel level) {
  state().console->set_level(to_spdlog(level));
}

void log_to_file(const std::string& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    sink->set_level(spdlog::level::info);
    sink->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %v");
    std::lock_guard lock(state().mutex);
    state().logger.sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    fail(ErrorCode::kUnexpected, "log file ", path, " cannot be opened: ", error.what());
  }
}

void log_line(LogLevel level, std::string_view text) {
  LogState& log = state();
  std::lock_guard lock(log.mutex);
  if (log.tag.empty()) {
    log.logger.log(to_spdlog(level), text);
  } else {
    log.logger.log(to_spdlog(level), "[{}] {}", log.tag, text);
  }
}

void flush_log() noexcept {
  try {
    state().logger.flush();
  } catch (...) {  // Nothing is left to tell it to.
  }
}

}  // namespace cogent
