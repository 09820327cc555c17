#include "core/model/kernels/cpu/attention_avx2.hpp"

#include <cmath>

namespace cogent::model::cpu {
namespace {

constexpr std::int64_t kQueryBlock = 32;

struct Pool {
  const float* k;
  const float* v;
};

// A block of a tile's query vectors: what the backward reads and writes of each.
struct QueryBlock {
  std::int64_t count = 0;
  const float* q[kQueryBlock];
  const float* dout[kQueryBlock];
  float* dq[kQueryBlock];
  float lse[kQueryBlock];
  float delta[kQueryBlock];  // dout . out
  std::int64_t visible[kQueryBlock];
};

struct QueryRows {
  const float* dout;
  const float* q;
  const float* out;
  const float* lse;
  float* dq;
};

// In 8 lanes; zeros fill up the last vector.
float dot(const float* a, const float* b, std::int64_t n) {
  Vec8 total = splat(0);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    total = fma(load(a + i), load(b + i), total);
  }
  if (i < n) {
    const LaneMask last = first_lanes(n - i);
    total = fma(load(a + i, last), load(b + i, last), total);
  }
  return sum(total);
}

QueryBlock query_block(const AttentionShape& shape, const AttentionTile& tile, std::int64_t kv_head,
                       std::int64_t begin, const QueryRows& rows) {
  QueryBlock block;
  for (std::int64_t i = begin; i < tile.end && block.count < kQueryBlock; ++i) {
    const QueryPlace place = query_place(shape, tile, kv_head, i);
    const std::int64_t offset = place.statistic * shape.head_dim;
    const std::int64_t at = block.count++;
    block.q[at] = rows.q + offset;
    block.dout[at] = rows.dout + offset;
    block.dq[at] = rows.dq + offset;
    block.lse[at] = rows.lse[place.statistic];
    block.visible[at] = place.visible;
    block.delta[at] = dot(rows.dout + offset, rows.out + offset, shape.head_dim);
  }
  return block;
}

constexpr float kAsIs[kGroup] = {1, 1, 1};  // scales of sums that go on as they are

// The softmax's weights p and the scores' gradients ds [kKeyBlock] of one query, of which it sees
// `visible`: from its products with keys, and of dout with values.
void weigh(const QueryBlock& queries, std::int64_t i, std::int64_t visible, float scale, float* p,
           float* ds) {
  for (std::int64_t j = 0; j < visible; j += kLanes) {
    const Vec8 e = exp(fma(load(p + j), splat(scale), splat(-queries.lse[i])));
    const Vec8 dp = _mm256_sub_ps(load(ds + j), splat(queries.delta[i]));
    store(p + j, e);
    store(ds + j, _mm256_mul_ps(_mm256_mul_ps(e, dp), splat(scale)));
  }
  for (std::int64_t j = visible; j < kKeyBlock; ++j) {
    p[j] = 0;
    ds[j] = 0;
  }
}

// One block of queries against one block of keys: p and ds [kQueryBlock, kKeyBlock], zero where a
// query does not see the key; dq is added to.
void score_gradients(const QueryBlock& queries, const float* const* keys,
                     const float* const* values, std::int64_t first_key, std::int64_t count,
                     std::int64_t head_dim, float* p, float* ds) {
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  in_groups(queries.count, [&](auto size, std::int64_t first) {
    float* pi[size.value];
    float* dsi[size.value];
    std::int64_t visible[size.value];
    std::int64_t most = 0;
    for (int i = 0; i < size.value; ++i) {
      pi[i] = p + (first + i) * kKeyBlock;
      dsi[i] = ds + (first + i) * kKeyBlock;
      const std::int64_t left = queries.visible[first + i] - first_key;
      visible[i] = left < 0 ? 0 : left > count ? count : left;
      most = visible[i] > most ? visible[i] : most;
    }
    dot_rows<size.value>(queries.q + first, keys, most, head_dim, pi, NoStep{});
    dot_rows<size.value>(queries.dout + first, values, most, head_dim, dsi, NoStep{});
    for (int i = 0; i < size.value; ++i) {
      weigh(queries, first + i, visible[i], scale, pi[i], dsi[i]);
      add_weighted_rows<1>(dsi + i, 1, keys, visible[i], head_dim, kAsIs, queries.dq + first + i,
                           NoStep{});
    }
  });
}

void clear(float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    x[i] = 0;
  }
}

void gradient_tile(const AttentionShape& shape, const AttentionTile& tile, std::int64_t kv_head,
                   const QueryRows& rows, const Pool& pool, float* tile_dk, float* tile_dv) {
  const std::int64_t head_dim = shape.head_dim;
  KeyWalk walk(tile.runs, tile_keys(tile, shape.ratio));
  std::int64_t key_rows[kKeyBlock];
  std::int64_t first_key = 0;
  alignas(32) float p[kQueryBlock * kKeyBlock];
  alignas(32) float ds[kQueryBlock * kKeyBlock];
  for (std::int64_t i = tile.begin; i < tile.end; ++i) {
    clear(rows.dq + query_place(shape, tile, kv_head, i).statistic * head_dim, head_dim);
  }
  while (const std::int64_t count = walk.next(key_rows)) {
    const float* keys[kKeyBlock];
    const float* values[kKeyBlock];
    for (std::int64_t j = 0; j < kKeyBlock; ++j) {
      const std::int64_t offset = (key_rows[j] * shape.kv_heads + kv_head) * head_dim;
      keys[j] = pool.k + offset;
      values[j] = pool.v + offset;
    }
    const auto own_row = [&](float* gradients, std::int64_t j) {
      const std::int64_t row = tile.gradient_row + first_key + j;
      return gradients + (row * shape.kv_heads + kv_head) * head_dim;
    };
    for (std::int64_t j = 0; j < count; ++j) {
      clear(own_row(tile_dk, j), head_dim);
      clear(own_row(tile_dv, j), head_dim);
    }
    for (std::int64_t begin = tile.begin; begin < tile.end; begin += kQueryBlock) {
      const QueryBlock queries = query_block(shape, tile, kv_head, begin, rows);
      if (queries.visible[queries.count - 1] <= first_key) {
        continue;
      }
      score_gradients(queries, keys, values, first_key, count, head_dim, p, ds);
      in_groups(count, [&](auto size, std::int64_t first) {
        const float* dsj[size.value];
        const float* pj[size.value];
        float* dk[size.value];
        float* dv[size.value];
        for (int j = 0; j < size.value; ++j) {
          dsj[j] = ds + first + j;
          pj[j] = p + first + j;
          dk[j] = own_row(tile_dk, first + j);
          dv[j] = own_row(tile_dv, first + j);
        }
        add_weighted_rows<size.value>(dsj, kKeyBlock, queries.q, queries.count, head_dim, kAsIs, dk,
                                      NoStep{});
        add_weighted_rows<size.value>(pj, kKeyBlock, queries.dout, queries.count, head_dim, kAsIs,
                                      dv, NoStep{});
      });
    }
    first_key += count;
  }
}

}  // namespace

void attention_gradient(const AttentionShape& shape, const AttentionTile* tiles, std::int64_t count,
                        const float* dout, const float* q, const float* k, const float* v,
                        const float* out, const float* lse, float* dq, float* tile_dk,
                        float* tile_dv) {
  const QueryRows rows{dout, q, out, lse, dq};
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t unit = 0; unit < count * shape.kv_heads; ++unit) {
    gradient_tile(shape, tiles[unit % count], unit / count, rows, {k, v}, tile_dk, tile_dv);
  }
}

void add_tile_gradients(const AttentionTile* tiles, std::int64_t count, std::int64_t ratio,
                        const float* tile_rows, std::int64_t pool, std::int64_t width,
                        float* gradient) {
  constexpr std::int64_t kRows = 64;
#pragma omp parallel for schedule(static)
  for (std::int64_t begin = 0; begin < pool; begin += kRows) {
    const std::int64_t end = pool - begin < kRows ? pool : begin + kRows;
    for (std::int64_t t = 0; t < count; ++t) {
      std::int64_t left = tile_keys(tiles[t], ratio);
      const float* from = tile_rows + tiles[t].gradient_row * width;
      for (const KeyRun* run = tiles[t].runs; left > 0; ++run) {
        const std::int64_t length = run->end - run->begin < left ? run->end - run->begin : left;
        const std::int64_t low = run->begin > begin ? run->begin : begin;
        const std::int64_t high = run->begin + length < end ? run->begin + length : end;
        for (std::int64_t i = (low - run->begin) * width; i < (high - run->begin) * width; ++i) {
          gradient[run->begin * width + i] += from[i];
        }
        from += length * width;
        left -= length;
      }
    }
  }
}

}  // namespace cogent::model::cpu
