#include "distributed/communicator.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"

#include <algorithm>
#include <exception>

namespace cogent::distributed {

void Work::State::abandon() noexcept {
  try {
    wait();
  } catch (...) {  // The stack is unwinding for another reason already.
  }
}

Work::~Work() {
  finish();
}

Work& Work::operator=(Work&& other) noexcept {
  if (this != &other) {
    finish();
    state_ = std::move(other.state_);
  }
  return *this;
}

void Work::wait() {
  if (const auto state = std::exchange(state_, nullptr)) {
    state->wait();
  }
}

void Work::finish() noexcept {
  if (state_ != nullptr && std::uncaught_exceptions() > 0) {
    std::exchange(state_, nullptr)->abandon();
    return;
  }
  try {
    wait();
  } catch (const std::exception& error) {
    log_error("a collective that nobody waited for failed: ", error.what());
  }
}

std::vector<std::vector<std::byte>> all_gather_bytes(Communicator& ranks,
                                                     std::span<const std::byte> own,
                                                     std::string_view what) {
  const auto size = static_cast<std::size_t>(ranks.size());
  std::vector<std::int64_t> counts(size, 0);
  auto own_count = static_cast<std::int64_t>(own.size());
  const std::vector<std::int64_t> one_each(size, 1);
  ranks.all_gather(Buffer(std::span(&own_count, 1)), Buffer(std::span(counts)), one_each, what)
      .wait();

  std::int64_t total = 0;
  for (const std::int64_t count : counts) {
    total += count;
  }
  std::vector<std::byte> all(static_cast<std::size_t>(total));
  std::vector<std::byte> mine(own.begin(), own.end());
  ranks.all_gather(Buffer(std::span(mine)), Buffer(std::span(all)), counts, what).wait();

  std::vector<std::vector<std::byte>> parts;
  auto begin = all.cbegin();
  for (const std::int64_t count : counts) {
    parts.emplace_back(begin, begin + count);
    begin += count;
  }
  return parts;
}

std::vector<std::byte> broadcast_bytes(Communicator& ranks, std::span<const std::byte> bytes,
                                       int root, std::string_view what) {
  auto count = static_cast<std::int64_t>(bytes.size());
  ranks.broadcast(Buffer(std::span(&count, 1)), root, what).wait();
  std::vector<std::byte> result(static_cast<std::size_t>(count));
  if (ranks.rank() == root) {
    std::copy(bytes.begin(), bytes.end(), result.begin());
  }
  ranks.broadcast(Buffer(std::span(result)), root, what).wait();
  return result;
}

}  // namespace cogent::distributed
