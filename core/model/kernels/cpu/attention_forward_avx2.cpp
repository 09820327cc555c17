#include "core/model/kernels/cpu/attention_avx2.hpp"

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

// One query against one block of keys, of which it sees `visible`: out and the softmax move on.
void attend(const float* q, const float* const* keys, const float* const* values,
            std::int64_t visible, std::int64_t head_dim, float scale, Softmax& softmax,
            float* out) {
  alignas(32) float weights[kKeyBlock];
  dot_rows(q, keys, visible, head_dim, weights);
  for (std::int64_t j = visible; j < kKeyBlock; ++j) {
    weights[j] = kMinusInfinity;
  }
  Vec8 top = splat(kMinusInfinity);
  for (std::int64_t j = 0; j < kKeyBlock; j += kLanes) {
    const Vec8 scores = _mm256_mul_ps(load(weights + j), splat(scale));
    store(weights + j, scores);
    top = _mm256_max_ps(top, scores);
  }
  const float block_highest = max(top);
  const float highest = block_highest > softmax.highest ? block_highest : softmax.highest;
  Vec8 total = splat(0);
  for (std::int64_t j = 0; j < kKeyBlock; j += kLanes) {
    const Vec8 e = exp(_mm256_sub_ps(load(weights + j), splat(highest)));
    store(weights + j, e);
    total = _mm256_add_ps(total, e);
  }
  const float shrink = _mm256_cvtss_f32(exp(splat(softmax.highest - highest)));
  softmax = {highest, softmax.total * shrink + sum(total)};
  add_weighted_rows(weights, 1, values, visible, head_dim, shrink, out);
}

void forward_tile(const AttentionShape& shape, const AttentionTile& tile, std::int64_t kv_head,
                  const float* q, const float* k, const float* v, float* out, float* lse) {
  const std::int64_t head_dim = shape.head_dim;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  Softmax softmax[kForwardTile];
  for (std::int64_t i = tile.begin; i < tile.end; ++i) {
    float* to = out + query_place(shape, tile, kv_head, i).statistic * head_dim;
    for (std::int64_t c = 0; c < head_dim; ++c) {
      to[c] = 0;
    }
  }
  KeyWalk walk(tile.runs, tile_keys(tile, shape.ratio));
  std::int64_t rows[kKeyBlock];
  std::int64_t first_key = 0;
  while (const std::int64_t count = walk.next(rows)) {
    const float* keys[kKeyBlock];
    const float* values[kKeyBlock];
    for (std::int64_t j = 0; j < kKeyBlock; ++j) {
      const std::int64_t offset = (rows[j] * shape.kv_heads + kv_head) * head_dim;
      keys[j] = k + offset;
      values[j] = v + offset;
    }
    for (std::int64_t i = tile.begin; i < tile.end; ++i) {
      const QueryPlace place = query_place(shape, tile, kv_head, i);
      const std::int64_t left = place.visible - first_key;
      if (left > 0) {
        const std::int64_t offset = place.statistic * head_dim;
        attend(q + offset, keys, values, left < count ? left : count, head_dim, scale,
               softmax[i - tile.begin], out + offset);
      }
    }
    first_key += count;
  }
  for (std::int64_t i = tile.begin; i < tile.end; ++i) {
    const Softmax& done = softmax[i - tile.begin];
    const std::int64_t statistic = query_place(shape, tile, kv_head, i).statistic;
    lse[statistic] = done.highest + std::log(done.total);
    for (std::int64_t c = 0; c < head_dim; ++c) {
      out[statistic * head_dim + c] /= done.total;
    }
  }
}

}  // namespace

void attention_forward(const AttentionShape& shape, const AttentionTile* tiles, std::int64_t count,
                       const float* q, const float* k, const float* v, float* out, float* lse) {
  // Tiles of one kv head in a row: neighbours share a prompt's keys, which stay in the cache.
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t unit = 0; unit < count * shape.kv_heads; ++unit) {
    forward_tile(shape, tiles[unit % count], unit / count, q, k, v, out, lse);
  }
}

}  // namespace cogent::model::cpu
