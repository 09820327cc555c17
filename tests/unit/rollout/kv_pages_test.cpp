#include "rollout/kv_pages.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

#include <random>
#include <utility>

namespace cogent::rollout {
namespace {

using Spans = std::vector<std::pair<std::int64_t, std::int64_t>>;

Spans spans(const PageTable& table, std::int64_t begin, std::int64_t end) {
  Spans pairs;
  for (const model::RowSpan& span : table.spans(begin, end)) {
    pairs.emplace_back(span.begin, span.end);
  }
  return pairs;
}
Spans spans(const PageTable& table) {
  return spans(table, 0, table.rows());
}

TEST(PagePool, CountsHolders) {
  PagePool pool(2);
  const std::int64_t page = pool.take().value();
  pool.hold(page);
  EXPECT_EQ(pool.holders(page), 2);
  pool.release(page);
  EXPECT_EQ(pool.free_pages(), 1);
  pool.release(page);
  EXPECT_EQ(pool.free_pages(), 2);
  EXPECT_THROW(pool.release(page), Error);
  EXPECT_THROW(pool.hold(page), Error);
  EXPECT_THROW(pool.holders(2), Error);
  EXPECT_TRUE(pool.take() && pool.take());
  EXPECT_EQ(pool.take(), std::nullopt);
  EXPECT_THROW(PagePool(-1), Error);
  EXPECT_THROW(PagePool(1, 0), Error);
  EXPECT_EQ(PagePool(0).take(), std::nullopt);
}

TEST(PageTable, TakesPagesAsItGrows) {
  PagePool pool(3);
  PageTable table(pool);
  EXPECT_EQ(table.room(), 48);
  EXPECT_TRUE(table.append(1));
  EXPECT_EQ(pool.free_pages(), 2);
  EXPECT_TRUE(table.append(15));
  EXPECT_EQ(pool.free_pages(), 2);
  EXPECT_TRUE(table.append(17));
  EXPECT_EQ(pool.free_pages(), 0);
  EXPECT_EQ(spans(table), (Spans{{0, 33}})) << "neighbours are one span";
  EXPECT_EQ(spans(table, 5, 20), (Spans{{5, 20}}));
  EXPECT_EQ(spans(table, 7, 7), Spans{});
  EXPECT_EQ(table.room(), 15);
  EXPECT_FALSE(table.append(16));
  EXPECT_EQ(table.rows(), 33) << "all rows or none";
  table.truncate(17);
  EXPECT_EQ(pool.free_pages(), 1);
  EXPECT_EQ(table.pages(), 2);
  table.truncate(0);
  EXPECT_EQ(pool.free_pages(), 3);
}

TEST(PageTable, AForkSharesPagesAndBeginsItsOwn) {
  PagePool pool(5);
  PageTable prompt(pool);
  prompt.append(20);
  PageTable fork = prompt.fork();
  EXPECT_EQ(pool.free_pages(), 3);
  EXPECT_TRUE(fork.append(2));
  EXPECT_EQ(spans(fork), (Spans{{0, 20}, {32, 34}}));
  EXPECT_EQ(spans(fork, 18, 22), (Spans{{18, 20}, {32, 34}}));
  EXPECT_TRUE(prompt.append(1));
  EXPECT_EQ(spans(prompt), (Spans{{0, 20}, {48, 49}})) << "who shares a page does not write to it";
  prompt.truncate(0);
  EXPECT_EQ(pool.free_pages(), 2) << "the fork holds the prompt's pages";
  EXPECT_EQ(pool.holders(0), 1);
  EXPECT_EQ(spans(fork), (Spans{{0, 20}, {32, 34}}));
  fork.truncate(20);
  EXPECT_TRUE(fork.append(2));
  EXPECT_EQ(spans(fork), (Spans{{0, 22}})) << "alone it fills the page up";
}

TEST(PageTable, MovingMovesThePages) {
  PagePool pool(4);
  {
    PageTable first(pool);
    first.append(40);
    PageTable second(std::move(first));
    EXPECT_EQ(second.rows(), 40);
    PageTable third(pool);
    third.append(3);
    third = std::move(second);
    EXPECT_EQ(third.pages(), 3);
  }
  EXPECT_EQ(pool.free_pages(), 4);
}

// A plain model of the tables: what every row of every sequence should be, and who holds a page.
class NaiveCache {
 public:
  NaiveCache(std::int64_t pages, std::int64_t page_rows)
      : pool_(pages, page_rows), written_(static_cast<std::size_t>(pages * page_rows)) {}

  void admit(std::int64_t rows) { grow(sequences_.emplace_back(PageTable(pool_)), rows); }
  void fork(std::size_t of) {
    Sequence& parent = sequences_[of];
    Sequence child{parent.table.fork(), parent.values};
    sequences_.push_back(std::move(child));
  }
  void append(std::size_t to, std::int64_t rows) { grow(sequences_[to], rows); }
  void truncate(std::size_t which, std::int64_t rows) {
    sequences_[which].table.truncate(rows);
    sequences_[which].values.resize(static_cast<std::size_t>(rows));
  }
  void finish(std::size_t which) {
    std::swap(sequences_[which], sequences_.back());
    sequences_.pop_back();
  }
  std::size_t size() const { return sequences_.size(); }
  std::int64_t rows(std::size_t which) const { return sequences_[which].table.rows(); }
  std::int64_t refused() const { return refused_; }

  // Every sequence finds its own values; every page has as many holders as tables have it.
  void check_all() const {
    std::vector<std::int64_t> holders(static_cast<std::size_t>(pool_.pages()));
    for (const Sequence& sequence : sequences_) {
      std::vector<std::int64_t> values;
      std::int64_t page = -1;
      for (const model::RowSpan& span : sequence.table.spans(0, sequence.table.rows())) {
        for (std::int64_t row = span.begin; row < span.end; ++row) {
          values.push_back(written_[static_cast<std::size_t>(row)]);
          if (row / pool_.page_rows() != page) {
            page = row / pool_.page_rows();
            ++holders[static_cast<std::size_t>(page)];
          }
        }
      }
      ASSERT_EQ(values, sequence.values);
    }
    std::int64_t free = 0;
    for (std::int64_t page = 0; page < pool_.pages(); ++page) {
      ASSERT_EQ(pool_.holders(page), holders[static_cast<std::size_t>(page)]) << "page " << page;
      free += holders[static_cast<std::size_t>(page)] == 0 ? 1 : 0;
    }
    ASSERT_EQ(pool_.free_pages(), free);
  }

 private:
  struct Sequence {
    PageTable table;
    std::vector<std::int64_t> values = {};  // [rows]
  };

  void grow(Sequence& sequence, std::int64_t rows) {
    const std::int64_t before = sequence.table.rows();
    const std::int64_t free = pool_.free_pages();
    const bool fits = rows <= sequence.table.room();
    ASSERT_EQ(sequence.table.append(rows), fits);
    if (!fits) {
      ++refused_;
      ASSERT_EQ(pool_.free_pages(), free);
      return;
    }
    for (const model::RowSpan& span : sequence.table.spans(before, before + rows)) {
      for (std::int64_t row = span.begin; row < span.end; ++row) {
        written_[static_cast<std::size_t>(row)] = ++value_;
        sequence.values.push_back(value_);
      }
    }
    ASSERT_EQ(static_cast<std::int64_t>(sequence.values.size()), sequence.table.rows());
  }

  PagePool pool_;
  std::vector<std::int64_t> written_;  // [rows of the cache]
  std::vector<Sequence> sequences_;
  std::int64_t value_ = 0;
  std::int64_t refused_ = 0;
};

class PageTableOfSize : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(PageTableOfSize, RandomOperationsLeakNothingAndMixNothingUp) {
  constexpr std::int64_t kRows = 960;
  NaiveCache cache(kRows / GetParam(), GetParam());
  std::mt19937 random(7);
  const auto below = [&](std::size_t count) { return random() % count; };
  for (int i = 0; i < 1'100'000 && !::testing::Test::HasFatalFailure(); ++i) {
    const std::size_t kind = below(100);
    if (cache.size() == 0 || kind < 8) {
      cache.admit(static_cast<std::int64_t>(below(70)));
    } else if (kind < 20) {
      cache.fork(below(cache.size()));
    } else if (kind < 78) {
      cache.append(below(cache.size()), static_cast<std::int64_t>(below(20)));
    } else if (kind < 80) {
      const std::size_t which = below(cache.size());
      cache.truncate(
          which, static_cast<std::int64_t>(below(static_cast<std::size_t>(cache.rows(which)) + 1)));
    } else {
      cache.finish(below(cache.size()));
    }
    if (i % 500 == 0) {
      cache.check_all();
    }
  }
  EXPECT_GT(cache.refused(), 1000) << "the pool was never full: the test shows little";
  while (cache.size() > 0) {
    cache.finish(cache.size() - 1);
  }
  cache.check_all();
}

INSTANTIATE_TEST_SUITE_P(PageRows, PageTableOfSize, ::testing::Values(1, 16, 64));

}  // namespace
}  // namespace cogent::rollout
