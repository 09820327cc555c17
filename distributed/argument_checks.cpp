#include "distributed/argument_checks.hpp"

#include "core/base/error.hpp"

#include <cstddef>
#include <functional>
#include <numeric>
#include <string>

namespace cogent::distributed {
namespace {

std::string subject(const Communicator& ranks, std::string_view call, std::string_view what) {
  return concat(call, " \"", what, "\" of communicator ", ranks.name(), ": ");
}

std::string_view name_of(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return "float32";
    case DataType::kBFloat16:
      return "bfloat16";
    case DataType::kFloat64:
      return "float64";
    case DataType::kInt64:
      return "int64";
    case DataType::kInt32:
      return "int32";
    case DataType::kUint8:
      return "uint8";
  }
  return "an unknown type";
}

void check_types(const Communicator& ranks, std::string_view call, std::string_view what,
                 const Buffer& own, const Buffer& values, bool fit) {
  check(fit, ErrorCode::kCommunication, subject(ranks, call, what), "own values are ",
        name_of(own.type), ", all values are ", name_of(values.type));
}

// Counts and places of shards.
void check_shards(const Communicator& ranks, std::string_view call, std::string_view what,
                  const Buffer& own, const Buffer& values, std::span<const std::int64_t> counts,
                  Device device) {
  check_buffer(ranks, call, what, own, device);
  check_buffer(ranks, call, what, values, device);
  check(counts.size() == static_cast<std::size_t>(ranks.size()), ErrorCode::kCommunication,
        subject(ranks, call, what), counts.size(), " counts are given for ", ranks.size(),
        " ranks");
  std::int64_t total = 0;
  for (std::size_t rank = 0; rank < counts.size(); ++rank) {
    // Compared by subtraction, so that no sum of counts can overflow.
    check(counts[rank] >= 0 && counts[rank] <= values.count - total, ErrorCode::kCommunication,
          subject(ranks, call, what), "the count of rank ", rank, " is ", counts[rank], ", ",
          values.count - total, " of ", values.count, " values are left");
    total += counts[rank];
  }
  check(total == values.count, ErrorCode::kCommunication, subject(ranks, call, what),
        "the counts sum up to ", total, ", the buffer has ", values.count, " values");
  const std::int64_t mine = counts[static_cast<std::size_t>(ranks.rank())];
  check(own.count == mine, ErrorCode::kCommunication, subject(ranks, call, what),
        "the own buffer of rank ", ranks.rank(), " has ", own.count, " values, its count is ",
        mine);
}

}  // namespace

void check_buffer(const Communicator& ranks, std::string_view call, std::string_view what,
                  const Buffer& values, Device device) {
  check(values.count >= 0 && size_of(values.type) != 0, ErrorCode::kCommunication,
        subject(ranks, call, what), "a buffer of ", values.count, " values of ",
        name_of(values.type), " cannot be sent");
  check(values.count == 0 || values.data != nullptr, ErrorCode::kCommunication,
        subject(ranks, call, what), "a buffer of ", values.count, " values has no memory");
  check(values.device == device, ErrorCode::kCommunication, subject(ranks, call, what),
        "the buffer is in ", values.device == Device::kHost ? "host" : "device",
        " memory, this communicator moves ", device == Device::kHost ? "host" : "device",
        " memory: copy it first");
}

void check_all_gather(const Communicator& ranks, std::string_view what, const Buffer& own,
                      const Buffer& values, std::span<const std::int64_t> counts, Device device) {
  check_types(ranks, "all_gather", what, own, values, own.type == values.type);
  check_shards(ranks, "all_gather", what, own, values, counts, device);
}

void check_reduce_scatter(const Communicator& ranks, std::string_view what, const Buffer& own,
                          const Buffer& values, std::span<const std::int64_t> counts,
                          Device device) {
  const bool widens = device == Device::kHost && values.type == DataType::kBFloat16 &&
                      own.type == DataType::kFloat32;
  check_types(ranks, "reduce_scatter", what, own, values, own.type == values.type || widens);
  check_shards(ranks, "reduce_scatter", what, own, values, counts, device);
  const auto* own_begin = static_cast<const std::byte*>(own.data);
  const auto* begin = static_cast<const std::byte*>(values.data);
  const std::less_equal<const std::byte*> not_after;
  check(own.count == 0 || values.count == 0 || not_after(own_begin + own.bytes(), begin) ||
            not_after(begin + values.bytes(), own_begin),
        ErrorCode::kCommunication, subject(ranks, "reduce_scatter", what), "the own buffer of ",
        own.count, " values overlaps the ", values.count, " values that are summed");
}

void check_root(const Communicator& ranks, std::string_view call, std::string_view what, int root) {
  check(root >= 0 && root < ranks.size(), ErrorCode::kCommunication, subject(ranks, call, what),
        "root ", root, " is not one of ", ranks.size(), " ranks");
}

std::int64_t shard_offset(std::span<const std::int64_t> counts, int rank) {
  return std::accumulate(counts.begin(), counts.begin() + rank, std::int64_t{0});
}

}  // namespace cogent::distributed
