#include "distributed/watchdog.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"

#include <algorithm>
#include <utility>

namespace cogent::distributed {

Watchdog::Watchdog(double deadline_seconds, int rank, EndJob end_job)
    : deadline_seconds_(deadline_seconds), rank_(rank), end_job_(std::move(end_job)) {
  check(deadline_seconds > 0, ErrorCode::kUsage, "the deadline of a collective is ",
        deadline_seconds, " seconds: it must be above 0");
  thread_ = std::thread([this] { loop(); });
}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

Watchdog::Watch Watchdog::watch(WatchedCall call, std::function<void()> on_missed) {
  std::lock_guard lock(mutex_);
  const std::uint64_t id = next_id_++;
  entries_.emplace(id, Entry{std::move(call), Clock::now(), std::move(on_missed)});
  return {*this, id};
}

void Watchdog::forget(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  entries_.erase(id);
}

void Watchdog::loop() {
  // Looks at its own pace, so that a collective of microseconds wakes no thread.
  const std::chrono::duration<double> pace(std::clamp(deadline_seconds_ / 10, 0.001, 1.0));
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, pace, [this] { return stopping_; })) {
    if (entries_.empty()) {
      continue;
    }
    const auto oldest = entries_.begin();
    const double waited =
        std::chrono::duration<double>(Clock::now() - oldest->second.begin).count();
    if (waited >= deadline_seconds_) {
      const Entry missed = std::move(oldest->second);
      entries_.erase(oldest);
      lock.unlock();
      end(missed, waited);
      lock.lock();
    }
  }
}

void Watchdog::end(const Entry& entry, double waited) {
  constexpr int kStatus = exit_status(ErrorCode::kDeadline);
  log_error("rank ", rank_, ": ", entry.call.call, " ", entry.call.sequence, " \"", entry.call.what,
            "\" (", entry.call.count, " values) of communicator ", entry.call.communicator,
            " is not done after ", waited, " s, its deadline is ", deadline_seconds_,
            " s: another rank did not arrive or is stuck; the job ends with status ", kStatus);
  if (entry.on_missed) {
    entry.on_missed();
  }
  end_job_(kStatus);
}

Watchdog::Watch::~Watch() {
  if (watchdog_ != nullptr) {
    watchdog_->forget(id_);
  }
}

Watchdog::Watch::Watch(Watch&& other) noexcept
    : watchdog_(std::exchange(other.watchdog_, nullptr)), id_(other.id_) {}

}  // namespace cogent::distributed
