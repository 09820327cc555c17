#include "rollout/kv_pages.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <utility>

namespace cogent::rollout {

PagePool::PagePool(std::int64_t pages, std::int64_t page_rows) : page_rows_(page_rows) {
  check(pages >= 0 && page_rows > 0, ErrorCode::kUnexpected, "a KV cache of ", pages, " pages of ",
        page_rows, " rows is asked for");
  holders_.resize(static_cast<std::size_t>(pages));
  free_.reserve(holders_.size());
  for (std::int64_t page = pages; page-- > 0;) {
    free_.push_back(page);
  }
}

std::optional<std::int64_t> PagePool::take() {
  if (free_.empty()) {
    return std::nullopt;
  }
  const std::int64_t page = free_.back();
  free_.pop_back();
  holders_[static_cast<std::size_t>(page)] = 1;
  return page;
}

void PagePool::hold(std::int64_t page) {
  check(holders(page) > 0, ErrorCode::kUnexpected, "page ", page, " of the KV cache is free");
  ++holders_[static_cast<std::size_t>(page)];
}

void PagePool::release(std::int64_t page) {
  check(holders(page) > 0, ErrorCode::kUnexpected, "page ", page, " of the KV cache is free");
  if (--holders_[static_cast<std::size_t>(page)] == 0) {
    free_.push_back(page);
  }
}

std::int64_t PagePool::holders(std::int64_t page) const {
  check(page >= 0 && page < pages(), ErrorCode::kUnexpected, "page ", page,
        " is outside the KV cache's ", pages(), " pages");
  return holders_[static_cast<std::size_t>(page)];
}

PageTable::PageTable(PageTable&& other) noexcept
    : pool_(other.pool_),
      extents_(std::exchange(other.extents_, {})),
      rows_(std::exchange(other.rows_, 0)) {}

PageTable& PageTable::operator=(PageTable&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(extents_, other.extents_);
  std::swap(rows_, other.rows_);
  return *this;
}

PageTable PageTable::fork() const {
  PageTable fork(*pool_);
  for (const Extent& extent : extents_) {
    pool_->hold(extent.page);
  }
  fork.extents_ = extents_;
  fork.rows_ = rows_;
  return fork;
}

bool PageTable::append(std::int64_t rows) {
  if (rows > room()) {
    return false;
  }
  rows_ += rows;
  while (rows > 0) {
    if (room_of_last() == 0) {
      extents_.push_back({*pool_->take(), 0});
    }
    const std::int64_t added = std::min(rows, room_of_last());
    extents_.back().rows += added;
    rows -= added;
  }
  return true;
}

// The last page first: the pool hands out again the first one first, so that spans stay long.
void PageTable::truncate(std::int64_t rows) {
  while (rows_ > rows) {
    Extent& last = extents_.back();
    const std::int64_t dropped = std::min(last.rows, rows_ - rows);
    last.rows -= dropped;
    rows_ -= dropped;
    if (last.rows == 0) {
      pool_->release(last.page);
      extents_.pop_back();
    }
  }
}

std::int64_t PageTable::room() const {
  return room_of_last() + pool_->free_pages() * pool_->page_rows();
}

std::int64_t PageTable::room_of_last() const {
  const bool alone = !extents_.empty() && pool_->holders(extents_.back().page) == 1;
  return alone ? pool_->page_rows() - extents_.back().rows : 0;
}

std::vector<model::RowSpan> PageTable::spans(std::int64_t begin, std::int64_t end) const {
  std::vector<model::RowSpan> spans;
  std::int64_t position = 0;  // of the page's first row
  for (const Extent& extent : extents_) {
    const std::int64_t first = std::max(begin, position);
    const std::int64_t last = std::min(end, position + extent.rows);
    if (first < last) {
      const std::int64_t row = extent.page * pool_->page_rows() + first - position;
      if (spans.empty() || spans.back().end != row) {
        spans.push_back({row, row});
      }
      spans.back().end += last - first;
    }
    position += extent.rows;
  }
  return spans;
}

}  // namespace cogent::rollout
