#include "rollout/row_allocator.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <iterator>

namespace cogent::rollout {

RowAllocator::RowAllocator(std::int64_t capacity) : capacity_(capacity), free_rows_(capacity) {
  check(capacity >= 0, ErrorCode::kUnexpected, "a KV cache of ", capacity, " rows is asked for");
  if (capacity > 0) {
    gaps_.emplace(0, capacity);
  }
}

std::optional<std::int64_t> RowAllocator::allocate(std::int64_t count) {
  check(count > 0, ErrorCode::kUnexpected, "a block of ", count, " KV cache rows is asked for");
  const auto gap =
      std::find_if(gaps_.begin(), gaps_.end(), [&](const auto& g) { return g.second >= count; });
  if (gap == gaps_.end()) {
    return std::nullopt;
  }
  const auto [begin, rows] = *gap;
  gaps_.erase(gap);
  if (rows > count) {
    gaps_.emplace(begin + count, rows - count);
  }
  blocks_.emplace(begin, count);
  free_rows_ -= count;
  return begin;
}

void RowAllocator::release(std::int64_t begin) {
  const auto block = blocks_.find(begin);
  check(block != blocks_.end(), ErrorCode::kUnexpected, "no block of KV cache rows begins at row ",
        begin);
  std::int64_t rows = block->second;
  blocks_.erase(block);
  free_rows_ += rows;
  const auto next = gaps_.lower_bound(begin);
  if (next != gaps_.end() && next->first == begin + rows) {
    rows += next->second;
    gaps_.erase(next);
  }
  const auto behind = gaps_.lower_bound(begin);
  if (behind != gaps_.begin() && std::prev(behind)->first + std::prev(behind)->second == begin) {
    std::prev(behind)->second += rows;
  } else {
    gaps_.emplace(begin, rows);
  }
}

}  // namespace cogent::rollout
