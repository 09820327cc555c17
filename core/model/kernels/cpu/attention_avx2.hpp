#pragma once

#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/vec8.hpp"

// The steps that attention's forward and backward share. Only the attention_*_avx2.cpp files
// include this. The arithmetic of a query never depends on which others share its tile: keys go in
// blocks aligned on their position, and each sum has one fixed order.
namespace cogent::model::cpu {

inline constexpr std::int64_t kKeyBlock = 64;
static_assert(kKeyBlock % kLanes == 0);

// Walks a segment's runs, block by block of keys in order.
class KeyWalk {
 public:
  KeyWalk(const KeyRun* runs, std::int64_t keys) : run_(runs), row_(runs->begin), left_(keys) {}

  // Pool rows of the next block of keys; returns how many there are, 0 at the end. Rows past the
  // last key repeat it, so that loads stay inside the pool.
  std::int64_t next(std::int64_t* rows) {
    const std::int64_t count = left_ < kKeyBlock ? left_ : kKeyBlock;
    for (std::int64_t i = 0; i < count; ++i) {
      while (row_ == run_->end) {
        ++run_;
        row_ = run_->begin;
      }
      rows[i] = row_++;
    }
    for (std::int64_t i = count; count > 0 && i < kKeyBlock; ++i) {
      rows[i] = rows[count - 1];
    }
    left_ -= count;
    return count;
  }

 private:
  const KeyRun* run_;
  std::int64_t row_;
  std::int64_t left_;
};

// Vectors that meet the same rows in one pass: what is loaded of a row serves all of them, and
// their sums fill the registers. Each sum has one order, whoever stands beside it.
inline constexpr std::int64_t kGroup = 3;

template <int kSize>
struct GroupSize {
  static constexpr int value = kSize;
};

// Calls f(GroupSize<size>{}, first) for the groups of 0, 1, ..., count - 1, none alone where that
// can be.
template <typename F>
static inline void in_groups(std::int64_t count, const F& f) {
  std::int64_t first = 0;
  while (count - first > 4 || count - first == kGroup) {
    f(GroupSize<kGroup>{}, first);
    first += kGroup;
  }
  while (count - first >= 2) {
    f(GroupSize<2>{}, first);
    first += 2;
  }
  if (first < count) {
    f(GroupSize<1>{}, first);
  }
}

// partial[q][i] += the products of x[q] and rows[i] from column `column` on, in the lanes of the
// mask.
template <int kSize>
static inline void add_last_products(const float* const* x, const float* const* rows,
                                     std::int64_t column, LaneMask mask,
                                     Vec8 (&partial)[kSize][kLanes / 2]) {
#pragma GCC unroll 4
  for (int i = 0; i < kLanes / 2; ++i) {
    const Vec8 row = load(rows[i] + column, mask);
#pragma GCC unroll 4
    for (int q = 0; q < kSize; ++q) {
      partial[q][i] = fma(load(x[q] + column, mask), row, partial[q][i]);
    }
  }
}

// What is done on the way through rows, in small steps: nothing, or asking for later ones.
struct NoStep {
  void operator()() const {}
};

// products[q][j] = x[q] . rows[j], for `count` rows rounded up to whole vectors. `step` is called
// with every kLanes rows. A sum has the order of one in which zeros fill the row up to whole
// vectors. On its own, so that the sums get all registers.
template <int kSize, typename Step>
[[gnu::noinline]] static void dot_rows(const float* const* x, const float* const* rows,
                                       std::int64_t count, std::int64_t head_dim,
                                       float* const* products, const Step& step) {
  constexpr int kHalf = kLanes / 2;
  const std::int64_t whole = head_dim - head_dim % kLanes;
  const LaneMask last = first_lanes(head_dim - whole);
  for (std::int64_t j = 0; j < count; j += kLanes) {
    step();
    Vec8 folded[2][kSize];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      Vec8 partial[kSize][kHalf];
#pragma GCC unroll 4
      for (int i = 0; i < kHalf; ++i) {
        const Vec8 row = whole > 0 ? load(rows[j + half * kHalf + i]) : splat(0);
#pragma GCC unroll 4
        for (int q = 0; q < kSize; ++q) {
          partial[q][i] = whole > 0 ? _mm256_mul_ps(load(x[q]), row) : row;
        }
      }
      for (std::int64_t c = kLanes; c < whole; c += kLanes) {
#pragma GCC unroll 4
        for (int i = 0; i < kHalf; ++i) {
          const Vec8 row = load(rows[j + half * kHalf + i] + c);
#pragma GCC unroll 4
          for (int q = 0; q < kSize; ++q) {
            partial[q][i] = fma(load(x[q] + c), row, partial[q][i]);
          }
        }
      }
      if (whole < head_dim) {
        add_last_products<kSize>(x, rows + j + half * kHalf, whole, last, partial);
      }
#pragma GCC unroll 4
      for (int q = 0; q < kSize; ++q) {
        folded[half][q] = fold4(partial[q]);
      }
    }
#pragma GCC unroll 4
    for (int q = 0; q < kSize; ++q) {
      store(products[q] + j, join_folded(folded[0][q], folded[1][q]));
    }
  }
}

constexpr std::int64_t kStepRows = 2 * kLanes;

// On its own, so that the sums get all registers.
template <int kSize, int kVectors, typename Step>
[[gnu::noinline]] static void add_weighted_columns(const float* const* weights, std::int64_t stride,
                                                   const float* const* rows, std::int64_t count,
                                                   std::int64_t column, const float* scale,
                                                   float* const* total, const Step& step) {
  Vec8 x[kSize][kVectors];
#pragma GCC unroll 4
  for (int q = 0; q < kSize; ++q) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      x[q][i] = _mm256_mul_ps(load(total[q] + column + i * kLanes), splat(scale[q]));
    }
  }
  for (std::int64_t j = 0; j < count; ++j) {
    if (j % kStepRows == 0) {
      step();
    }
    Vec8 weight[kSize];
#pragma GCC unroll 4
    for (int q = 0; q < kSize; ++q) {
      weight[q] = splat(weights[q][j * stride]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      const Vec8 row = load(rows[j] + column + i * kLanes);
#pragma GCC unroll 4
      for (int q = 0; q < kSize; ++q) {
        x[q][i] = fma(weight[q], row, x[q][i]);
      }
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < kSize; ++q) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      store(total[q] + column + i * kLanes, x[q][i]);
    }
  }
}

static inline void add_weighted_tail(const float* weights, std::int64_t stride,
                                     const float* const* rows, std::int64_t count,
                                     std::int64_t column, LaneMask mask, float scale,
                                     float* total) {
  Vec8 x = _mm256_mul_ps(load(total + column, mask), splat(scale));
  for (std::int64_t j = 0; j < count; ++j) {
    x = fma(splat(weights[j * stride]), load(rows[j] + column, mask), x);
  }
  store(total + column, x, mask);
}

// total[q] = total[q] scale[q] + sum over j of weights[q][j stride] rows[j]. All [head_dim]. `step`
// is called with every kStepRows rows of each pass over the columns.
template <int kSize, typename Step>
static inline void add_weighted_rows(const float* const* weights, std::int64_t stride,
                                     const float* const* rows, std::int64_t count,
                                     std::int64_t head_dim, const float* scale, float* const* total,
                                     const Step& step) {
  constexpr int kMost = kSize == 1 ? 8 : 4;  // vectors of each sum that registers hold
  std::int64_t column = 0;
  for (; column + kMost * kLanes <= head_dim; column += kMost * kLanes) {
    add_weighted_columns<kSize, kMost>(weights, stride, rows, count, column, scale, total, step);
  }
  for (; column + 4 * kLanes <= head_dim; column += 4 * kLanes) {
    add_weighted_columns<kSize, 4>(weights, stride, rows, count, column, scale, total, step);
  }
  for (; column + kLanes <= head_dim; column += kLanes) {
    add_weighted_columns<kSize, 1>(weights, stride, rows, count, column, scale, total, step);
  }
  if (column < head_dim) {
    const LaneMask last = first_lanes(head_dim - column);
    for (int q = 0; q < kSize; ++q) {
      add_weighted_tail(weights[q], stride, rows, count, column, last, scale[q], total[q]);
    }
  }
}

// Where query vector `index` of a tile stands: its head's values in q, and its statistic.
struct QueryPlace {
  std::int64_t statistic;  // index in [rows, heads]
  std::int64_t visible;    // keys that it sees
};
static inline QueryPlace query_place(const AttentionShape& shape, const AttentionTile& tile,
                                     std::int64_t kv_head, std::int64_t index) {
  const std::int64_t row = index / shape.ratio;
  const std::int64_t head = kv_head * shape.ratio + index % shape.ratio;
  return {(tile.query_row + row) * shape.kv_heads * shape.ratio + head, tile.first_visible + row};
}

// Keys that the last query of a tile sees.
static inline std::int64_t tile_keys(const AttentionTile& tile, std::int64_t ratio) {
  return tile.first_visible + (tile.end - 1) / ratio;
}

}  // namespace cogent::model::cpu
