#include "distributed/completion.hpp"

#include <utility>

namespace cogent::distributed {

void Completion::wait() {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return done_; });
  if (auto error = std::exchange(error_, nullptr)) {
    std::rethrow_exception(error);
  }
}

void Completion::abandon() noexcept {
  std::unique_lock lock(mutex_);
  abandoned_ = true;
  finished_.wait(lock, [this] { return done_; });
}

void Completion::finish(std::exception_ptr error) noexcept {
  {
    std::lock_guard lock(mutex_);
    done_ = true;
    error_ = std::move(error);
  }
  finished_.notify_all();
}

bool Completion::abandoned() const noexcept {
  std::lock_guard lock(mutex_);
  return abandoned_;
}

}  // namespace cogent::distributed
