#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace cogent::rollout {

// Hands out contiguous blocks of KV cache rows: the first gap that is large enough. Blocks that are
// given back join their neighbours.
class RowAllocator {
 public:
  explicit RowAllocator(std::int64_t capacity);

  // First row of a block of `count` > 0 rows, or nothing where no gap is large enough.
  std::optional<std::int64_t> allocate(std::int64_t count);
  // Gives back the block that begins here. Throws kUnexpected where none does.
  void release(std::int64_t begin);

  std::int64_t capacity() const { return capacity_; }
  std::int64_t free_rows() const { return free_rows_; }

 private:
  std::int64_t capacity_;
  std::int64_t free_rows_;
  std::map<std::int64_t, std::int64_t> gaps_;    // begin -> rows; no two gaps touch
  std::map<std::int64_t, std::int64_t> blocks_;  // begin -> rows
};

}  // namespace cogent::rollout
