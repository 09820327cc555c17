#pragma once

#include "distributed/completion.hpp"

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace cogent::distributed {

// A message that somebody waits for; `bytes` may be read once `done` is.
struct Receipt {
  Completion done;
  std::vector<std::byte> bytes;
};

// Point-to-point messages under way, for the communication thread alone. On the wire: the length as
// a 64-bit integer, then the bytes in parts of at most `max_count`, all with the message's tag.
// MPI keeps the order of one pair and tag, so parts need no numbers.
class Messages {
 public:
  Messages(MPI_Comm comm, std::int64_t max_count) : comm_(comm), max_count_(max_count) {}

  void send(int rank, int tag, std::vector<std::byte> bytes);
  void receive(int rank, int tag, std::shared_ptr<Receipt> receipt);

  // Moves on what can move; true where something did. A receipt takes its own error; a send that
  // fails is an Error here.
  bool progress();
  bool idle() const { return outgoing_.empty() && incoming_.empty(); }

 private:
  struct Outgoing {
    std::int64_t length = 0;
    std::vector<std::byte> bytes;
    std::vector<MPI_Request> requests;
  };
  struct Incoming {
    enum class Stage { kWaiting, kLength, kBytes, kDone };
    Stage stage = Stage::kWaiting;
    std::int64_t length = 0;
    std::shared_ptr<Receipt> receipt;
    std::vector<MPI_Request> requests;
  };
  using Source = std::pair<int, int>;  // rank and tag

  bool progress_sends();
  bool advance(const Source& source, Incoming& message);
  void post_length(const Source& source, Incoming& message);
  void post_bytes(const Source& source, Incoming& message);

  MPI_Comm comm_;
  std::int64_t max_count_;
  // By pointer: MPI holds the addresses of the lengths.
  std::vector<std::unique_ptr<Outgoing>> outgoing_;
  // Only the first of each source is posted, so that two receipts never share parts.
  std::map<Source, std::deque<std::unique_ptr<Incoming>>> incoming_;
};

}  // namespace cogent::distributed
