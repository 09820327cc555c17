#include "distributed/backend/mpi/messages.hpp"

#include "core/base/error.hpp"
#include "distributed/backend/mpi/mpi_call.hpp"
#include "distributed/split.hpp"

#include <algorithm>

namespace cogent::distributed {
namespace {

// Are all requests done? `received` (if there) grows by the bytes that arrived.
bool test_all(std::vector<MPI_Request>& requests, std::int64_t* received) {
  std::vector<MPI_Status> statuses(requests.size());
  int done = 0;
  mpi_call(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, statuses.data()),
           "MPI_Testall");
  if (done != 0 && received != nullptr) {
    for (const MPI_Status& status : statuses) {
      int count = 0;
      mpi_call(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
      *received += count;
    }
  }
  return done != 0;
}

}  // namespace

void Messages::send(int rank, int tag, std::vector<std::byte> bytes) {
  auto message = std::make_unique<Outgoing>();
  message->length = static_cast<std::int64_t>(bytes.size());
  message->bytes = std::move(bytes);
  mpi_call(MPI_Isend(&message->length, 1, MPI_INT64_T, rank, tag, comm_,
                     &message->requests.emplace_back()),
           "MPI_Isend");
  for_each_part(message->length, max_count_, [&](std::int64_t offset, std::int64_t length) {
    mpi_call(MPI_Isend(message->bytes.data() + offset, static_cast<int>(length), MPI_BYTE, rank,
                       tag, comm_, &message->requests.emplace_back()),
             "MPI_Isend");
  });
  outgoing_.push_back(std::move(message));
}

void Messages::receive(int rank, int tag, std::shared_ptr<Receipt> receipt) {
  auto message = std::make_unique<Incoming>();
  message->receipt = std::move(receipt);
  incoming_[{rank, tag}].push_back(std::move(message));
}

bool Messages::progress() {
  bool moved = progress_sends();
  for (auto source = incoming_.begin(); source != incoming_.end();) {
    auto& waiting = source->second;
    Incoming& message = *waiting.front();
    try {
      moved |= advance(source->first, message);
    } catch (...) {
      message.receipt->done.finish(std::current_exception());
      message.stage = Incoming::Stage::kDone;
    }
    if (message.stage == Incoming::Stage::kDone) {
      waiting.pop_front();
    }
    source = waiting.empty() ? incoming_.erase(source) : std::next(source);
  }
  return moved;
}

bool Messages::progress_sends() {
  const auto left = std::remove_if(outgoing_.begin(), outgoing_.end(),
                                   [](const std::unique_ptr<Outgoing>& message) {
                                     return test_all(message->requests, nullptr);
                                   });
  const bool moved = left != outgoing_.end();
  outgoing_.erase(left, outgoing_.end());
  return moved;
}

bool Messages::advance(const Source& source, Incoming& message) {
  using Stage = Incoming::Stage;
  if (message.stage == Stage::kWaiting) {
    post_length(source, message);
    return true;
  }
  std::int64_t received = 0;
  if (!test_all(message.requests, &received)) {
    // Bytes on their way are waited for without rest.
    return message.stage == Stage::kBytes;
  }
  const std::int64_t expected = message.stage == Stage::kLength
                                    ? static_cast<std::int64_t>(sizeof(message.length))
                                    : message.length;
  check(received == expected, ErrorCode::kCommunication, "a message of rank ", source.first,
        " with tag ", source.second, " brought ", received, " bytes where ", expected,
        " were announced");
  if (message.stage == Stage::kLength && message.length != 0) {
    post_bytes(source, message);
  } else {
    message.stage = Stage::kDone;
    message.receipt->done.finish(nullptr);
  }
  return true;
}

void Messages::post_length(const Source& source, Incoming& message) {
  message.requests.assign(1, MPI_REQUEST_NULL);
  mpi_call(MPI_Irecv(&message.length, 1, MPI_INT64_T, source.first, source.second, comm_,
                     message.requests.data()),
           "MPI_Irecv");
  message.stage = Incoming::Stage::kLength;
}

void Messages::post_bytes(const Source& source, Incoming& message) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 40;
  check(message.length >= 0 && message.length <= kLargest, ErrorCode::kCommunication,
        "a message of rank ", source.first, " with tag ", source.second, " announces ",
        message.length, " bytes, at most ", kLargest, " are allowed");
  message.receipt->bytes.resize(static_cast<std::size_t>(message.length));
  message.requests.clear();
  for_each_part(message.length, max_count_, [&](std::int64_t offset, std::int64_t length) {
    mpi_call(MPI_Irecv(message.receipt->bytes.data() + offset, static_cast<int>(length), MPI_BYTE,
                       source.first, source.second, comm_, &message.requests.emplace_back()),
             "MPI_Irecv");
  });
  message.stage = Incoming::Stage::kBytes;
}

}  // namespace cogent::distributed
