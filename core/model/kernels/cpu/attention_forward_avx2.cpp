#include "core/model/kernels/cpu/attention_avx2.hpp"
#include "core/model/kernels/cpu/logarithm.hpp"
#include "core/model/kernels/cpu/rows_ahead.hpp"
#include "core/model/kernels/cpu/take.hpp"

#include <cmath>
#include <limits>

namespace cogent::model::cpu {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// Running softmax of one query.
struct Softmax {
  float highest = kMinusInfinity;
  float total = 0;  // sum of exp(score - highest)
};

// The softmax of one query moves on by a block of products with keys, of which it sees `visible`:
// they become the keys' weights. Returns what the sums so far shrink by.
float weigh(float* products, std::int64_t visible, float scale, Softmax& softmax) {
  for (std::int64_t j = visible; j < kKeyBlock; ++j) {
    products[j] = kMinusInfinity;
  }
  Vec8 top = splat(kMinusInfinity);
  for (std::int64_t j = 0; j < kKeyBlock; j += kLanes) {
    const Vec8 scores = _mm256_mul_ps(load(products + j), splat(scale));
    store(products + j, scores);
    top = _mm256_max_ps(top, scores);
  }
  const float block_highest = max(top);
  const float highest = block_highest > softmax.highest ? block_highest : softmax.highest;
  Vec8 total = splat(0);
  for (std::int64_t j = 0; j < kKeyBlock; j += kLanes) {
    const Vec8 e = exp(_mm256_sub_ps(load(products + j), splat(highest)));
    store(products + j, e);
    total = _mm256_add_ps(total, e);
  }
  const float shrink = _mm256_cvtss_f32(exp(splat(softmax.highest - highest)));
  softmax = {highest, softmax.total * shrink + sum(total)};
  return shrink;
}

struct Pool {
  const float* k;
  const float* v;
};

// A block of keys and values of one head.
struct KeyBlock {
  std::int64_t first = 0;  // position of its first key
  std::int64_t count = 0;
  const float* keys[kKeyBlock];
  const float* values[kKeyBlock];
};

// Queries that meet a block of keys together: first all with its keys, then all with its values, so
// that either stays in the first-level cache.
constexpr std::int64_t kTogether = 9;
static_assert(kTogether % kGroup == 0);

struct Forward {
  const AttentionShape& shape;
  const float* q;
  float* out;
  float* lse;
};

// Queries of a tile that see some of a block of keys.
struct Queries {
  std::int64_t count = 0;
  std::int64_t visible[kTogether];
  const float* q[kTogether];
  float* out[kTogether];
  Softmax* softmax[kTogether];
};

Queries queries_of(const Forward& forward, const AttentionTile& tile, std::int64_t kv_head,
                   std::int64_t begin, const KeyBlock& block, Softmax* softmax) {
  Queries queries;
  const std::int64_t end = tile.end - begin < kTogether ? tile.end : begin + kTogether;
  for (std::int64_t i = begin; i < end; ++i) {
    const QueryPlace place = query_place(forward.shape, tile, kv_head, i);
    const std::int64_t left = place.visible - block.first;
    if (left > 0) {
      const std::int64_t at = queries.count++;
      const std::int64_t offset = place.statistic * forward.shape.head_dim;
      queries.visible[at] = left < block.count ? left : block.count;
      queries.q[at] = forward.q + offset;
      queries.out[at] = forward.out + offset;
      queries.softmax[at] = softmax + (i - tile.begin);
    }
  }
  return queries;
}

// Products of the queries from `first` on with the keys that one of them sees.
template <int kSize>
void dot_group(const Queries& queries, std::int64_t first, const KeyBlock& block,
               std::int64_t head_dim, float (*weights)[kKeyBlock], RowsAhead& ahead) {
  float* products[kSize];
  std::int64_t most = 0;
  for (int i = 0; i < kSize; ++i) {
    products[i] = weights[first + i];
    most = queries.visible[first + i] > most ? queries.visible[first + i] : most;
  }
  dot_rows<kSize>(queries.q + first, block.keys, most, head_dim, products,
                  [&ahead] { ahead.step(); });
}

// A query's values behind those that all of its group see are added to it alone: a weight of zero
// would still bring in what is not finite, and the sign of a zero.
template <int kSize>
void add_group(const Queries& queries, std::int64_t first, const KeyBlock& block,
               std::int64_t head_dim, const float (*weights)[kKeyBlock], const float* shrink,
               RowsAhead& ahead) {
  const float* from[kSize];
  std::int64_t shared = kKeyBlock;
  for (int i = 0; i < kSize; ++i) {
    from[i] = weights[first + i];
    shared = queries.visible[first + i] < shared ? queries.visible[first + i] : shared;
  }
  add_weighted_rows<kSize>(from, 1, block.values, shared, head_dim, shrink + first,
                           queries.out + first, [&ahead] { ahead.step(); });
  for (int i = 0; i < kSize; ++i) {
    const std::int64_t rest = queries.visible[first + i] - shared;
    if (rest > 0) {
      const float* const weight = from[i] + shared;
      constexpr float kAsIs = 1;
      add_weighted_rows<1>(&weight, 1, block.values + shared, rest, head_dim, &kAsIs,
                           queries.out + first + i, NoStep{});
    }
  }
}

// Query vectors of the tile from `begin` on, at most kTogether, against one block of keys.
void attend(const Forward& forward, const AttentionTile& tile, std::int64_t kv_head,
            std::int64_t begin, const KeyBlock& block, Softmax* softmax, RowsAhead& ahead) {
  alignas(32) float weights[kTogether][kKeyBlock];
  float shrink[kTogether];
  const std::int64_t head_dim = forward.shape.head_dim;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  const Queries queries = queries_of(forward, tile, kv_head, begin, block, softmax);
  in_groups(queries.count, [&](auto size, std::int64_t first) {
    dot_group<size.value>(queries, first, block, head_dim, weights, ahead);
  });
  for (std::int64_t i = 0; i < queries.count; ++i) {
    shrink[i] = weigh(weights[i], queries.visible[i], scale, *queries.softmax[i]);
  }
  in_groups(queries.count, [&](auto size, std::int64_t first) {
    add_group<size.value>(queries, first, block, head_dim, weights, shrink, ahead);
  });
}

void forward_tile(const Forward& forward, const AttentionTile& tile, std::int64_t kv_head,
                  const Pool& pool, RowsAhead& ahead) {
  const AttentionShape& shape = forward.shape;
  const std::int64_t head_dim = shape.head_dim;
  Softmax softmax[kForwardTile];
  for (std::int64_t i = tile.begin; i < tile.end; ++i) {
    float* to = forward.out + query_place(shape, tile, kv_head, i).statistic * head_dim;
    for (std::int64_t c = 0; c < head_dim; ++c) {
      to[c] = 0;
    }
  }
  KeyWalk walk(tile.runs, tile_keys(tile, shape.ratio));
  const std::int64_t stride = shape.kv_heads * head_dim;
  KeyBlock block;
  std::int64_t rows[kKeyBlock];
  for (; (block.count = walk.next(rows)) > 0; block.first += block.count) {
    for (std::int64_t j = 0; j < kKeyBlock; ++j) {
      block.keys[j] = pool.k + rows[j] * stride + kv_head * head_dim;
      block.values[j] = pool.v + rows[j] * stride + kv_head * head_dim;
    }
    for (std::int64_t begin = tile.begin; begin < tile.end; begin += kTogether) {
      attend(forward, tile, kv_head, begin, block, softmax, ahead);
    }
  }
  for (std::int64_t i = tile.begin; i < tile.end; ++i) {
    const Softmax& done = softmax[i - tile.begin];
    const std::int64_t statistic = query_place(shape, tile, kv_head, i).statistic;
    forward.lse[statistic] = done.highest + logarithm(done.total);
    for (std::int64_t c = 0; c < head_dim; ++c) {
      forward.out[statistic * head_dim + c] /= done.total;
    }
  }
}

// Rows of the next tile's keys, asked for while the present one is worked on: a cache of many
// sequences comes from the memory. Both often begin with the same prompt, which is near already.
RowsAhead rows_ahead(const AttentionShape& shape, const AttentionTile& present,
                     const AttentionTile& next, std::int64_t kv_head, const Pool& pool) {
  std::int64_t rows = tile_keys(next, shape.ratio);
  const KeyRun* runs = next.runs;
  const std::int64_t first = runs->end - runs->begin;
  if (runs->begin == present.runs->begin && first < rows) {
    rows -= first;
    ++runs;
  }
  // A group of queries steps once with kLanes keys, and about as often with their values.
  const std::int64_t steps_of_group = 2 * ((tile_keys(present, shape.ratio) + kLanes - 1) / kLanes);
  const std::int64_t groups = (present.end - present.begin + kGroup - 1) / kGroup;
  const std::int64_t offset = kv_head * shape.head_dim;
  return {runs, rows, pool.k + offset, pool.v + offset, shape, steps_of_group * groups};
}

}  // namespace

void attention_forward(const AttentionShape& shape, const AttentionTile* tiles, std::int64_t count,
                       const float* q, const float* k, const float* v, float* out, float* lse) {
  const Forward forward{shape, q, out, lse};
  const Pool pool{k, v};
  // Tiles of one kv head in a row: neighbours share a prompt's keys, which stay in the cache.
  const std::int64_t units = count * shape.kv_heads;
  std::int64_t taken = 0;
#pragma omp parallel
  for (std::int64_t unit = take(taken); unit < units;) {
    const std::int64_t next = take(taken);
    const AttentionTile& tile = tiles[unit % count];
    RowsAhead ahead;
    if (next < units) {
      ahead = rows_ahead(shape, tile, tiles[next % count], next / count, pool);
    }
    forward_tile(forward, tile, unit / count, pool, ahead);
    unit = next;
  }
}

}  // namespace cogent::model::cpu
