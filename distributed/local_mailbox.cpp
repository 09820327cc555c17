#include "distributed/local_mailbox.hpp"

#include <utility>

namespace cogent::distributed {

void LocalMailbox::put(int tag, std::vector<std::byte> bytes) {
  {
    std::lock_guard lock(mutex_);
    messages_[tag].push_back(std::move(bytes));
  }
  arrived_.notify_all();
}

std::vector<std::byte> LocalMailbox::take(int tag) {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [&] { return !messages_[tag].empty(); });
  auto& waiting = messages_[tag];
  std::vector<std::byte> bytes = std::move(waiting.front());
  waiting.pop_front();
  return bytes;
}

}  // namespace cogent::distributed
