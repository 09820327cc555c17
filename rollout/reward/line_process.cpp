#include "rollout/reward/line_process.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace cogent::rollout {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestLine = 1 << 20;  // bytes of an answer

// The child's side of the socket as its standard input and output, with the default signals, and in
// a process group of its own: a signal that stops the job must not take the reward of the step that
// is still to be ended. Where this process dies, the child reads the end of its input.
int spawn(std::vector<std::string>& argv, int child_side, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, child_side, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, child_side, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigfillset(&defaults);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  sigset_t unblocked;
  sigemptyset(&unblocked);
  posix_spawnattr_setsigmask(&attributes, &unblocked);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> words;
  for (std::string& word : argv) {
    words.push_back(word.data());
  }
  words.push_back(nullptr);
  const int status = posix_spawnp(&pid, words[0], &actions, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return status;
}

std::string how_it_ended(int status) {
  return WIFSIGNALED(status) ? concat("was ended by signal ", WTERMSIG(status))
                             : concat("ended with status ", WEXITSTATUS(status));
}

// The process itself too: it may have left its group.
void kill_group(pid_t pid) {
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
}

// Takes the status of a child that ends within a second; false where it does not.
bool reap(pid_t pid, int& status) {
  for (int tries = 0; tries < 100; ++tries) {
    if (::waitpid(pid, &status, WNOHANG) != 0) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// Goes on with the line in `rest`: whole lines go to `lines`, what has no line end yet is the rest.
void split_lines(std::string_view bytes, std::vector<std::string>& lines, std::string& rest) {
  for (std::size_t eol = bytes.find('\n'); eol != std::string_view::npos; eol = bytes.find('\n')) {
    lines.push_back(rest.append(bytes.substr(0, eol)));
    rest.clear();
    bytes.remove_prefix(eol + 1);
  }
  rest.append(bytes);
}

}  // namespace

LineProcess::LineProcess(std::vector<std::string> argv) : argv_(std::move(argv)) {
  check(!argv_.empty() && !argv_.front().empty(), ErrorCode::kUsage,
        "reward.command names no program: set it to a program and its arguments");
  restart();
}

LineProcess::~LineProcess() {
  end();
}

void LineProcess::restart() {
  if (running()) {
    siginfo_t ended = {};
    const bool has_ended =
        ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        ended.si_pid == pid_;
    if (!has_ended || spoke_unasked()) {
      return;  // What it said unasked is for the next ask() to meet, before its end.
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    log_warning(name(), " ", how_it_ended(status), " after its last answer: it is started again");
    ::close(std::exchange(socket_, -1));
    pid_ = -1;
  }
  std::array<int, 2> sides = {-1, -1};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sides.data()) == 0,
        ErrorCode::kUnexpected, "a socket for ", argv_.front(), ": ", std::strerror(errno));
  ::fcntl(sides[0], F_SETFL, O_NONBLOCK);
  pid_t pid = -1;
  const int status = spawn(argv_, sides[1], pid);
  ::close(sides[1]);
  if (status != 0) {
    ::close(sides[0]);
    fail(ErrorCode::kUsage, argv_.front(),
         ", named by reward.command, cannot be started: ", std::strerror(status));
  }
  socket_ = sides[0];
  pid_ = pid;
  failure_.clear();
}

std::string LineProcess::name() const {
  return concat(argv_.front(), " (process ", pid_, ")");
}

bool LineProcess::wait_ready(short events, Clock::time_point deadline, short& ready) {
  ready = 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  if (left <= 0) {
    return false;
  }
  pollfd entry{.fd = socket_, .events = events, .revents = 0};
  if (::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, 1000))) > 0) {
    ready = entry.revents;
  }
  return true;
}

bool LineProcess::spoke_unasked() const {
  char byte = 0;
  return ::recv(socket_, &byte, 1, MSG_PEEK) > 0;
}

// False where there is no more to read. A last line needs no line end.
bool LineProcess::receive(std::vector<std::string>& answers, std::string& rest) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (n > 0) {
    split_lines({buffer.data(), static_cast<std::size_t>(n)}, answers, rest);
    return true;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    return true;
  }
  if (!rest.empty()) {
    answers.push_back(std::exchange(rest, {}));
  }
  return false;
}

std::vector<std::string> LineProcess::ask(std::span<const std::string> lines,
                                          std::chrono::duration<double> deadline) {
  if (!running() || lines.empty()) {
    return {};
  }
  if (spoke_unasked()) {
    give_up(
        "wrote a line that it was not asked for, so that the values of its step before may belong "
        "to other completions");
    return {};
  }
  std::string out;
  for (const std::string& line : lines) {
    out += line + "\n";
  }
  std::vector<std::string> answers;
  std::string rest;
  std::size_t sent = 0;
  const auto end = Clock::now() + std::chrono::ceil<Clock::duration>(deadline);
  while (running() && answers.size() < lines.size()) {
    short ready = 0;
    const short events = static_cast<short>(POLLIN | (sent < out.size() ? POLLOUT : 0));
    if (!wait_ready(events, end, ready)) {
      give_up(concat("has answered ", answers.size(), " of ", lines.size(), " lines in ",
                     deadline.count(), " s"));
      break;
    }
    if ((ready & POLLOUT) != 0) {
      const ssize_t n = ::send(socket_, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      sent += n > 0 ? static_cast<std::size_t>(n) : 0;
    }
    if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive(answers, rest)) {
      give_up("");
    } else if (rest.size() > kLongestLine) {
      give_up(concat("has written a line of more than ", kLongestLine,
                     " bytes: an answer is one short line of JSON"));
    }
  }
  if (answers.size() > lines.size() || (answers.size() == lines.size() && !rest.empty())) {
    if (running()) {
      give_up("wrote more lines than it was asked");
    }
    answers.clear();
  }
  return answers;
}

// An empty reason: the process closed its output, and its status is the reason.
void LineProcess::give_up(std::string reason) {
  const std::string named = name();
  const pid_t pid = std::exchange(pid_, -1);
  ::close(std::exchange(socket_, -1));
  if (!reason.empty()) {
    kill_group(pid);
  }
  int status = 0;
  if (!reap(pid, status)) {
    kill_group(pid);
    reap(pid, status);
    reason = reason.empty() ? "closed its output" : reason;
  }
  failure_ = concat(named, " ", reason.empty() ? how_it_ended(status) : reason);
}

void LineProcess::end() noexcept {
  if (!running()) {
    return;
  }
  ::close(std::exchange(socket_, -1));
  const pid_t pid = std::exchange(pid_, -1);
  int status = 0;
  if (!reap(pid, status)) {
    kill_group(pid);
    reap(pid, status);
  }
}

}  // namespace cogent::rollout
