#pragma once

namespace cogent::distributed {

// Ends all ranks with this exit status, from any thread: the log is flushed, MPI_Abort asked to end
// the others, and this process is gone within seconds whatever MPI does. Without MPI only this
// process ends.
[[noreturn]] void end_job(int status) noexcept;

}  // namespace cogent::distributed
