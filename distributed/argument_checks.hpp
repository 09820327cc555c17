#pragma once

#include "distributed/communicator.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace cogent::distributed {

// What every backend checks before anything is sent. Each failure is a kCommunication that names
// the call, `what`, the communicator and both numbers.

// One memory block on `device` that exists where it has values.
void check_buffer(const Communicator& ranks, std::string_view call, std::string_view what,
                  const Buffer& values, Device device);
// Counts, types and places of an all_gather, and of a reduce_scatter, whose `own` stands outside of
// `values`.
void check_all_gather(const Communicator& ranks, std::string_view what, const Buffer& own,
                      const Buffer& values, std::span<const std::int64_t> counts, Device device);
void check_reduce_scatter(const Communicator& ranks, std::string_view what, const Buffer& own,
                          const Buffer& values, std::span<const std::int64_t> counts,
                          Device device);
void check_root(const Communicator& ranks, std::string_view call, std::string_view what, int root);

// The first value behind those of the ranks before `rank`.
std::int64_t shard_offset(std::span<const std::int64_t> counts, int rank);

}  // namespace cogent::distributed
