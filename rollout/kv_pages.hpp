#pragma once

#include "core/model/ops/ops.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cogent::rollout {

// Rows of a page of the KV cache, unless somebody asks for another size.
inline constexpr std::int64_t kPageRows = 16;

// Pages of `page_rows` rows that this many rows take.
constexpr std::int64_t pages_of(std::int64_t rows, std::int64_t page_rows) {
  return (rows + page_rows - 1) / page_rows;
}

// The pages of a KV cache, each with the number of tables that hold it. Page p is the cache's rows
// from p page_rows() on.
class PagePool {
 public:
  // `pages` >= 0 of `page_rows` > 0 rows, all of them free.
  explicit PagePool(std::int64_t pages, std::int64_t page_rows = kPageRows);

  // A free page, held once from here on; nothing where no page is free.
  std::optional<std::int64_t> take();
  // One holder more, or less, of a held page; one that nobody holds any more is free. Both throw
  // kUnexpected where nobody holds it.
  void hold(std::int64_t page);
  void release(std::int64_t page);

  std::int64_t pages() const { return static_cast<std::int64_t>(holders_.size()); }
  std::int64_t free_pages() const { return static_cast<std::int64_t>(free_.size()); }
  std::int64_t holders(std::int64_t page) const;
  std::int64_t page_rows() const { return page_rows_; }

 private:
  std::int64_t page_rows_;
  std::vector<std::int64_t> holders_;  // [pages]
  std::vector<std::int64_t> free_;     // the page released last is taken first
};

// The rows of a sequence in order of position, on pages that it may share with others.
//
// Only who holds a page alone appends to it. So the first own row of a fork begins a page, even
// where the last shared page has room, and no row is ever copied: the spans of a sequence may end
// inside a page. A copy of the partly filled page would take a page as well, and the shared one
// stays held by the others.
class PageTable {
 public:
  explicit PageTable(PagePool& pool) : pool_(&pool) {}
  PageTable(PageTable&& other) noexcept;
  PageTable& operator=(PageTable&& other) noexcept;
  ~PageTable() { truncate(0); }

  // A sequence that goes on from these rows: holds the same pages.
  PageTable fork() const;
  // `rows` more at the end. Takes pages as they are needed; where too few are free it takes none
  // and returns false.
  bool append(std::int64_t rows);
  // The first `rows` rows stay, 0 <= rows <= rows(); pages behind them are released.
  void truncate(std::int64_t rows);

  std::int64_t rows() const { return rows_; }
  std::int64_t pages() const { return static_cast<std::int64_t>(extents_.size()); }
  // Rows that append() has place for.
  std::int64_t room() const;
  // The cache's rows of positions [begin, end), 0 <= begin <= end <= rows(), in order; pages that
  // lie side by side make one span.
  std::vector<model::RowSpan> spans(std::int64_t begin, std::int64_t end) const;

 private:
  struct Extent {
    std::int64_t page = 0;
    std::int64_t rows = 0;  // of the page, from its first on
  };

  std::int64_t room_of_last() const;

  PagePool* pool_;
  std::vector<Extent> extents_;
  std::int64_t rows_ = 0;
};

}  // namespace cogent::rollout
