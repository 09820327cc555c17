#pragma once

#include "distributed/communicator.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>

namespace cogent::distributed {

// The end of a task that another thread runs: the caller waits without spinning, and gets the
// task's exception.
class Completion final : public Work::State {
 public:
  void wait() override;
  void abandon() noexcept override;

  // For the thread that runs the task.
  void finish(std::exception_ptr error) noexcept;
  bool abandoned() const noexcept;

 private:
  mutable std::mutex mutex_;
  std::condition_variable finished_;
  // Guarded by mutex_.
  bool done_ = false;
  bool abandoned_ = false;
  std::exception_ptr error_;
};

}  // namespace cogent::distributed
