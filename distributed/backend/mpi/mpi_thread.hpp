#pragma once

#include "distributed/backend/mpi/messages.hpp"
#include "distributed/completion.hpp"

#include <mpi.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace cogent::distributed {

// The one thread of a rank that calls MPI between start-up and the end. Collectives are tasks, run
// in the order of post(). Messages are apart from that order: they move while the thread is idle
// and while a collective waits for its ranks, so neither holds up the other. Callers wait on
// condition variables; the thread itself polls with growing rests and never spins a core for long.
class MpiThread {
 public:
  // The task's own completion, so that it can see that its caller has given it up.
  using Task = std::function<void(const Completion&)>;

  // `messages`: a communicator of the world for point-to-point messages alone. A fault that has no
  // caller (a send that fails later) goes to `end_job`.
  MpiThread(MPI_Comm messages, std::int64_t max_count, std::function<void(int)> end_job);
  // Waits for the sends under way. No receive may be waiting.
  ~MpiThread();
  MpiThread(const MpiThread&) = delete;
  MpiThread& operator=(const MpiThread&) = delete;

  // From any thread.
  std::shared_ptr<Completion> post(Task task);
  void send(int rank, int tag, std::vector<std::byte> bytes);
  std::vector<std::byte> receive(int rank, int tag);

  // From a task: polls until the request is done. Throws where the caller of the task has given it
  // up; every later task then fails at once, since the ranks are no longer in step.
  void wait_for(MPI_Request& request, const Completion& task);
  // From a task: waits until every message under way has left.
  void flush_messages();

 private:
  struct Job {
    Task task;
    std::shared_ptr<Completion> done;
  };

  void loop();
  void run(const Job& job);
  bool progress_messages();
  void post_message(std::function<void()> start);

  const std::function<void(int)> end_job_;

  // Of the thread alone.
  Messages messages_;
  bool given_up_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  std::deque<Job> jobs_;
  std::vector<std::function<void()>> new_messages_;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace cogent::distributed
