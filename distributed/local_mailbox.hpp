#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

namespace cogent::distributed {

// Messages of a rank to itself, in order by tag. Thread-safe.
class LocalMailbox {
 public:
  void put(int tag, std::vector<std::byte> bytes);
  // Waits until there is one.
  std::vector<std::byte> take(int tag);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<int, std::deque<std::vector<std::byte>>> messages_;  // guarded by mutex_
};

}  // namespace cogent::distributed
