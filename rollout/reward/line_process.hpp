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
  // Starts it again where it has ended, and logs how where no ask() saw that; one that left a line
  // that it was not asked for is left to the next ask(). It is spawned without a copy of this
  // process's memory, so MPI's threads and buffers do not matter. Errors as above.
  void restart();

  // Sends the lines and returns the answers, without line ends. Where fewer come back than were
  // sent, the process has ended or was killed, and failure() says what happened:
  // - it ended, missed the deadline or wrote a line of more than a MiB: the answers before that;
  // - it wrote before it was asked, or more lines than it was asked: no answers, since which of its
  //   lines belongs to which question is not known.
  // A surplus line that comes later is met by the next call. No answers and no new failure where it
  // is not running.
  std::vector<std::string> ask(std::span<const std::string> lines,
                               std::chrono::duration<double> deadline);
  const std::string& failure() const { return failure_; }

 private:
  // Waits at most a second for one of `events`; `ready` is what has come, 0 where nothing has.
  // False once the deadline has passed, whatever is ready.
  bool wait_ready(short events, std::chrono::steady_clock::time_point deadline, short& ready);
  bool spoke_unasked() const;
  bool receive(std::vector<std::string>& answers, std::string& rest);
  std::string name() const;  // the program with its process id
  void give_up(std::string reason);
  void end() noexcept;

  std::vector<std::string> argv_;
  pid_t pid_ = -1;
  int socket_ = -1;  // the child's standard input and output
  std::string failure_;
};

}  // namespace cogent::rollout
