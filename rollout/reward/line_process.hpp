#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace cogent::rollout {

// A child process that answers lines of standard input with lines of standard output, one for one
// and in order. Its standard error is this process's. The destructor closes its input, and kills it
// where it does not end within a second.
class LineProcess {
 public:
  // Starts argv[0], looked up in PATH. An Error of kUsage where it cannot be started.
  explicit LineProcess(std::vector<std::string> argv);
  ~LineProcess();
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  // Starts it again where it has ended. It is spawned without a copy of this process's memory, so
  // MPI's threads and buffers do not matter.
  void restart();

  // Sends the lines and returns the answers, without line ends. Where fewer come back than were
  // sent, the process ended or the deadline passed: it is killed, and failure() says what happened.
  std::vector<std::string> ask(std::span<const std::string> lines,
                               std::chrono::duration<double> deadline);
  const std::string& failure() const { return failure_; }

 private:
  // One exchange of bytes until `deadline`; false where the child is gone or late.
  bool wait_ready(short events, std::chrono::steady_clock::time_point deadline, short& ready);
  void give_up(std::string reason);
  void end() noexcept;

  std::vector<std::string> argv_;
  pid_t pid_ = -1;
  int socket_ = -1;  // the child's standard input and output
  std::string failure_;
};

}  // namespace cogent::rollout
