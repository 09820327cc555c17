#include "core/base/stop_flag.hpp"

#include <csignal>

namespace cogent {
namespace {

volatile std::sig_atomic_t requested = 0;

void on_signal(int signal_number) {
  requested = 1;
  if (signal_number != SIGUSR1) {
    std::signal(signal_number, SIG_DFL);
  }
}

}  // namespace

void install_stop_signals() {
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  std::signal(SIGUSR1, on_signal);
}

bool stop_requested() noexcept {
  return requested != 0;
}

}  // namespace cogent
