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

// products[j] = x . rows[j], for `count` rows rounded up to whole vectors.
static inline void dot_rows(const float* x, const float* const* rows, std::int64_t count,
                            std::int64_t head_dim, float* products) {
  for (std::int64_t j = 0; j < count; j += kLanes) {
    Vec8 partial[kLanes];
    const Vec8 first = load(x);
#pragma GCC unroll 8
    for (int lane = 0; lane < kLanes; ++lane) {
      partial[lane] = _mm256_mul_ps(first, load(rows[j + lane]));
    }
    for (std::int64_t c = kLanes; c < head_dim; c += kLanes) {
      const Vec8 part = load(x + c);
#pragma GCC unroll 8
      for (int lane = 0; lane < kLanes; ++lane) {
        partial[lane] = fma(part, load(rows[j + lane] + c), partial[lane]);
      }
    }
    store(products + j, sums(partial));
  }
}

template <int kVectors>
static inline void add_weighted_columns(const float* weights, std::int64_t stride,
                                        const float* const* rows, std::int64_t count,
                                        std::int64_t column, float scale, float* total) {
  Vec8 x[kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    x[i] = _mm256_mul_ps(load(total + column + i * kLanes), splat(scale));
  }
  for (std::int64_t j = 0; j < count; ++j) {
    const Vec8 weight = splat(weights[j * stride]);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      x[i] = fma(weight, load(rows[j] + column + i * kLanes), x[i]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    store(total + column + i * kLanes, x[i]);
  }
}

// total = total scale + sum over j of weights[j stride] rows[j]. All [head_dim].
static inline void add_weighted_rows(const float* weights, std::int64_t stride,
                                     const float* const* rows, std::int64_t count,
                                     std::int64_t head_dim, float scale, float* total) {
  std::int64_t column = 0;
  for (; column + 8 * kLanes <= head_dim; column += 8 * kLanes) {
    add_weighted_columns<8>(weights, stride, rows, count, column, scale, total);
  }
  for (; column + 4 * kLanes <= head_dim; column += 4 * kLanes) {
    add_weighted_columns<4>(weights, stride, rows, count, column, scale, total);
  }
  for (; column < head_dim; column += kLanes) {
    add_weighted_columns<1>(weights, stride, rows, count, column, scale, total);
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
