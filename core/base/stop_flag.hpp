#pragma once

namespace cogent {

// A request to stop at the next step border, after saving: SIGTERM, SIGINT, or the SIGUSR1 that a
// job script forwards before its time limit. A second SIGINT or SIGTERM ends the process at once.
void install_stop_signals();
bool stop_requested() noexcept;

}  // namespace cogent
