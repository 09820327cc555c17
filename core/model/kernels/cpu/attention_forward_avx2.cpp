#include "core/model/kernels/cpu/attention_avx2.hpp"
#include "core/model/kernels/cpu/logarithm.hpp"

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

// A block of keys and values of one head.
struct KeyBlock {
  std::int64_t first = 0;  // position of its first key
  std::int64_t count = 0;
  const float* keys[kKeyBlock];
  const float* values[kKeyBlock];
};

// The blocks of a tile's keys, in order. Asks for the next block's lines while the present one is
// worked on: rows of one head lie apart, and a cache of many sequences comes from the memory.
class KeyBlocks {
 public:
  KeyBlocks(const AttentionShape& shape, const AttentionTile& tile, std::int64_t kv_head,
            const float* k, const float* v)
      : walk_(tile.runs, tile_keys(tile, shape.ratio)),
        stride_(shape.kv_heads * shape.head_dim),
        head_dim_(shape.head_dim),
        k_(k + kv_head * shape.head_dim),
        v_(v + kv_head * shape.head_dim) {
    read_next();
  }

  const KeyBlock& present() const { return blocks_[present_]; }
  bool next() {
    present_ ^= 1;
    if (present().count == 0) {
      return false;
    }
    read_next();
    return true;
  }

 private:
  void read_next() {
    std::int64_t rows[kKeyBlock];
    KeyBlock& block = blocks_[present_ ^ 1];
    block.first = first_;
    block.count = walk_.next(rows);
    first_ += block.count;
    for (std::int64_t j = 0; block.count > 0 && j < kKeyBlock; ++j) {
      block.keys[j] = k_ + rows[j] * stride_;
      block.values[j] = v_ + rows[j] * stride_;
    }
    for (std::int64_t j = 0; j < block.count; ++j) {
      for (std::int64_t c = 0; c < head_dim_; c += kLine) {
        _mm_prefetch(reinterpret_cast<const char*>(block.keys[j] + c), _MM_HINT_T1);
        _mm_prefetch(reinterpret_cast<const char*>(block.values[j] + c), _MM_HINT_T1);
      }
    }
  }

  static constexpr std::int64_t kLine = 16;  // floats of a cache line

  KeyWalk walk_;
  std::int64_t stride_;
  std::int64_t head_dim_;
  const float* k_;
  const float* v_;
  KeyBlock blocks_[2];
  int present_ = 0;
  std::int64_t first_ = 0;
};

// Queries that meet a block of keys together: first all with its keys, then all with its values, so
// that either stays in the first-level cache.
constexpr std::int64_t kTogether = 8;

struct Forward {
  const AttentionShape& shape;
  const float* q;
  float* out;
  float* lse;
};

// Query vectors [begin, end) of the tile, at most kTogether, against one block of keys.
void attend(const Forward& forward, const AttentionTile& tile, std::int64_t kv_head,
            std::int64_t begin, std::int64_t end, const KeyBlock& block, Softmax* softmax) {
  alignas(32) float weights[kTogether][kKeyBlock];
  float shrink[kTogether];
  std::int64_t visible[kTogether];
  std::int64_t offset[kTogether];
  const std::int64_t head_dim = forward.shape.head_dim;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  const std::int64_t count = end - begin;
  for (std::int64_t i = 0; i < count; ++i) {
    const QueryPlace place = query_place(forward.shape, tile, kv_head, begin + i);
    const std::int64_t left = place.visible - block.first;
    visible[i] = left < block.count ? left : block.count;
    offset[i] = place.statistic * head_dim;
    if (visible[i] > 0) {
      dot_rows(forward.q + offset[i], block.keys, visible[i], head_dim, weights[i]);
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    if (visible[i] > 0) {
      shrink[i] = weigh(weights[i], visible[i], scale, softmax[begin + i - tile.begin]);
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    if (visible[i] > 0) {
      add_weighted_rows(weights[i], 1, block.values, visible[i], head_dim, shrink[i],
                        forward.out + offset[i]);
    }
  }
}

void forward_tile(const Forward& forward, const AttentionTile& tile, std::int64_t kv_head,
                  const float* k, const float* v) {
  const AttentionShape& shape = forward.shape;
  const std::int64_t head_dim = shape.head_dim;
  Softmax softmax[kForwardTile];
  for (std::int64_t i = tile.begin; i < tile.end; ++i) {
    float* to = forward.out + query_place(shape, tile, kv_head, i).statistic * head_dim;
    for (std::int64_t c = 0; c < head_dim; ++c) {
      to[c] = 0;
    }
  }
  KeyBlocks blocks(shape, tile, kv_head, k, v);
  while (blocks.next()) {
    for (std::int64_t begin = tile.begin; begin < tile.end; begin += kTogether) {
      const std::int64_t end = tile.end - begin < kTogether ? tile.end : begin + kTogether;
      attend(forward, tile, kv_head, begin, end, blocks.present(), softmax);
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

}  // namespace

void attention_forward(const AttentionShape& shape, const AttentionTile* tiles, std::int64_t count,
                       const float* q, const float* k, const float* v, float* out, float* lse) {
  const Forward forward{shape, q, out, lse};
  // Tiles of one kv head in a row: neighbours share a prompt's keys, which stay in the cache.
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t unit = 0; unit < count * shape.kv_heads; ++unit) {
    forward_tile(forward, tiles[unit % count], unit / count, k, v);
  }
}

}  // namespace cogent::model::cpu
