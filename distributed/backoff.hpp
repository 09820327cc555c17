#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace cogent::distributed {

// How long a polling wait rests between two looks: not at all for the first microseconds, when the
// other side is probably on its way, then longer and longer, so that a long wait costs no core.
class Backoff {
 public:
  using Duration = std::chrono::microseconds;

  // Zero means: yield only.
  Duration next() {
    if (Clock::now() - begin_ < kHot) {
      return Duration(0);
    }
    const Duration rest = rest_;
    rest_ = std::min(2 * rest_, kLongest);
    return rest;
  }
  void reset() { *this = Backoff(); }
  // Takes that rest.
  void rest() {
    const Duration length = next();
    if (length.count() == 0) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(length);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Duration kHot{50};
  static constexpr Duration kShortest{20};
  static constexpr Duration kLongest{500};

  Clock::time_point begin_ = Clock::now();
  Duration rest_ = kShortest;
};

}  // namespace cogent::distributed
