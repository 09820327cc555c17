#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace cogent::distributed {

// One collective, as the watchdog names it.
struct WatchedCall {
  std::string communicator;
  std::string call;  // "all_reduce"
  std::string what;  // "gradients of block 3"
  std::int64_t sequence = 0;
  std::int64_t count = 0;  // values
};

// Holds every collective to its deadline. Where one is missed, its thread logs one sentence with
// rank, communicator, call, sequence number and seconds waited, and ends the job with the exit
// status of kDeadline. Thread-safe.
class Watchdog {
 public:
  using EndJob = std::function<void(int status)>;

  // rank: of the world, for the message. end_job does not return in production; tests let it.
  Watchdog(double deadline_seconds, int rank, EndJob end_job);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Watches a call as long as it lives.
  class [[nodiscard]] Watch {
   public:
    Watch(Watchdog& watchdog, std::uint64_t id) : watchdog_(&watchdog), id_(id) {}
    ~Watch();
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&&) = delete;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Watchdog* watchdog_;
    std::uint64_t id_;
  };
  // The deadline counts from here. on_missed runs on the watchdog's thread before the job ends.
  Watch watch(WatchedCall call, std::function<void()> on_missed = {});

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    WatchedCall call;
    Clock::time_point begin;
    std::function<void()> on_missed;
  };

  void loop();
  void end(const Entry& entry, double waited);
  void forget(std::uint64_t id);

  const double deadline_seconds_;
  const int rank_;
  const EndJob end_job_;

  std::mutex mutex_;
  std::condition_variable stop_;
  // Guarded by mutex_. Ids grow, so the first entry is the oldest.
  std::map<std::uint64_t, Entry> entries_;
  std::uint64_t next_id_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace cogent::distributed
