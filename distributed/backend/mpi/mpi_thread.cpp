#include "distributed/backend/mpi/mpi_thread.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "distributed/backend/mpi/mpi_call.hpp"
#include "distributed/backoff.hpp"

#include <exception>
#include <utility>

namespace cogent::distributed {

MpiThread::MpiThread(MPI_Comm messages, std::int64_t max_count, std::function<void(int)> end_job)
    : end_job_(std::move(end_job)), messages_(messages, max_count), thread_([this] { loop(); }) {}

MpiThread::~MpiThread() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::shared_ptr<Completion> MpiThread::post(Task task) {
  auto done = std::make_shared<Completion>();
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(task), done});
  }
  wake_.notify_one();
  return done;
}

void MpiThread::post_message(std::function<void()> start) {
  {
    std::lock_guard lock(mutex_);
    new_messages_.push_back(std::move(start));
  }
  wake_.notify_one();
}

void MpiThread::send(int rank, int tag, std::vector<std::byte> bytes) {
  // Shared, because a std::function must be copyable.
  auto message = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  post_message([=, this] { messages_.send(rank, tag, std::move(*message)); });
}

std::vector<std::byte> MpiThread::receive(int rank, int tag) {
  auto receipt = std::make_shared<Receipt>();
  post_message([=, this] { messages_.receive(rank, tag, receipt); });
  receipt->done.wait();
  return std::move(receipt->bytes);
}

void MpiThread::wait_for(MPI_Request& request, const Completion& task) {
  // At first a few looks without a rest between them: the other side of most waits is on its way,
  // and to give up the core may take longer than it does.
  constexpr int kLooks = 20;
  Backoff backoff;
  for (int looks = kLooks;; looks = 1) {
    int done = 0;
    for (int look = 0; look < looks && done == 0; ++look) {
      mpi_call(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    }
    if (done != 0) {
      return;
    }
    progress_messages();
    if (task.abandoned()) {
      given_up_ = true;
      fail(ErrorCode::kCommunication, "a collective was given up before its ranks arrived");
    }
    backoff.rest();
  }
}

void MpiThread::flush_messages() {
  Backoff backoff;
  while (progress_messages() || !messages_.idle()) {
    backoff.rest();
  }
}

void MpiThread::loop() {
  Backoff backoff;
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      const auto posted = [this] { return !jobs_.empty() || !new_messages_.empty(); };
      const Backoff::Duration rest = backoff.next();
      if (rest.count() == 0 && !posted()) {
        // Who has waited for a collective mostly starts the next one at once, and to look out for
        // it takes less than to be woken.
        lock.unlock();
        std::this_thread::yield();
        lock.lock();
      } else if (messages_.idle()) {
        wake_.wait(lock, [&] { return posted() || stopping_; });
        if (stopping_ && !posted()) {
          return;
        }
      } else {
        wake_.wait_for(lock, rest, posted);
      }
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
    }
    if (job.task) {
      run(job);
      backoff.reset();
    }
    if (progress_messages()) {
      backoff.reset();
    }
  }
}

void MpiThread::run(const Job& job) {
  try {
    check(!given_up_, ErrorCode::kCommunication,
          "an earlier collective was given up: the ranks are no longer in step");
    job.task(*job.done);
    job.done->finish(nullptr);
  } catch (...) {
    job.done->finish(std::current_exception());
  }
}

bool MpiThread::progress_messages() {
  try {
    std::vector<std::function<void()>> starts;
    {
      std::lock_guard lock(mutex_);
      starts.swap(new_messages_);
    }
    for (const auto& start : starts) {
      start();
    }
    return messages_.progress() || !starts.empty();
  } catch (const std::exception& error) {
    log_error("a message could not be sent: ", error.what());
    end_job_(exit_status(ErrorCode::kCommunication));
    return false;
  }
}

}  // namespace cogent::distributed
