#pragma once

#include "core/model/kernels/cpu/gemm.hpp"
#include "core/model/kernels/cpu/take.hpp"
#include "core/model/kernels/cpu/vec16.hpp"

#include <omp.h>

// The loops of gemm_panels, compiled once for each instruction set with the tile that its registers
// hold. Everything is `static`: see vec16.hpp.
namespace cogent::model::cpu {

static_assert(kPanel == kVec16);

// k is worked through in blocks, so that a block of a panel stays in the first-level cache while
// all rows pass by, and rows in blocks, so that they stay in the second-level one.
static constexpr std::int64_t kDepthBlock = 192;
static constexpr std::int64_t kRowBlock = 96;
// Panels whose part of the result stays in the second-level cache while k is worked through.
static constexpr std::int64_t kPanelChunk = 48;

// Asks for the blocks of the panels that come next while the rows pass by the present ones, some
// lines with every kAhead steps of k: read on demand, their first tile would wait for the memory.
struct NextBlocks {
  const char* next;        // the line to ask for in the first of them
  std::int64_t stride;     // bytes from one panel to the next
  std::int64_t lines;      // still to ask for in each
  std::int64_t at_a_time;  // so that all are asked for by the last tile
};

static constexpr std::int64_t kAhead = 8;
static constexpr std::int64_t kLineBytes = 64;

template <int kPanels>
static inline void ask_for_next(NextBlocks& blocks) {
  for (std::int64_t i = 0; i < blocks.at_a_time && blocks.lines > 0; ++i) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      _mm_prefetch(blocks.next + p * blocks.stride, _MM_HINT_T1);
    }
    blocks.next += kLineBytes;
    --blocks.lines;
  }
}

// The blocks behind the kPanels ones at `panels`, asked for over `tiles` tiles.
template <int kPanels, typename Weight>
static inline NextBlocks next_blocks(const Weight* panels, std::int64_t panel_stride,
                                     std::int64_t depth, std::int64_t tiles) {
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(Weight));
  constexpr std::int64_t kAheadLines = kAhead * kPanel * kBytes / kLineBytes;
  return {reinterpret_cast<const char*>(panels + kPanels * panel_stride), panel_stride * kBytes,
          (depth * kPanel * kBytes + kLineBytes - 1) / kLineBytes,
          (kAheadLines + tiles - 1) / tiles};
}

template <int kRows, int kPanels, typename Weight>
static inline void gemm_step(const float* a, std::int64_t depth, const Weight* panels,
                             std::int64_t panel_stride, Vec16 (&sum)[kRows][kPanels]) {
  Vec16 w[kPanels];
#pragma GCC unroll 2
  for (int p = 0; p < kPanels; ++p) {
    w[p] = load16(panels + p * panel_stride);
    _mm_prefetch(reinterpret_cast<const char*>(panels + p * panel_stride + kAhead * kPanel),
                 _MM_HINT_T0);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const Vec16 x = splat16(a[i * depth]);
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      sum[i][p] = fma16(x, w[p], sum[i][p]);
    }
  }
}

// Where the chains of a row of tiles stand so far: row i at from + i * stride. They go on in the
// result, at to + i * to_stride.
struct Chains {
  const float* from;
  std::int64_t stride;
  float* to;
  std::int64_t to_stride;

  Chains at_row(std::int64_t row) const {
    return {from + row * stride, stride, to + row * to_stride, to_stride};
  }
};

// One tile: kRows rows of a block of A (row i at a + i * depth) against kPanels panels from the k
// where they stand.
template <int kRows, int kPanels, typename Weight>
static inline void gemm_tile(const float* a, std::int64_t depth, const Weight* panels,
                             std::int64_t panel_stride, NextBlocks& next, const Chains& chains) {
  Vec16 sum[kRows][kPanels];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      sum[i][p] = load16(chains.from + i * chains.stride + p * kPanel);
    }
  }
  std::int64_t k = 0;
  for (; k + kAhead <= depth; k += kAhead) {
    ask_for_next<kPanels>(next);
    for (std::int64_t j = 0; j < kAhead; ++j) {
      gemm_step<kRows, kPanels>(a + k + j, depth, panels + (k + j) * kPanel, panel_stride, sum);
    }
  }
  for (; k < depth; ++k) {
    gemm_step<kRows, kPanels>(a + k, depth, panels + k * kPanel, panel_stride, sum);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      store16(chains.to + i * chains.to_stride + p * kPanel, sum[i][p]);
    }
  }
}

// The last rows of a block: fewer than a tile has.
template <int kRows, int kPanels, typename Weight>
static inline void gemm_last_rows(std::int64_t rows, const float* a, std::int64_t depth,
                                  const Weight* panels, std::int64_t panel_stride, NextBlocks& next,
                                  const Chains& chains) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      gemm_tile<kRows, kPanels>(a, depth, panels, panel_stride, next, chains);
    } else {
      gemm_last_rows<kRows - 1, kPanels>(rows, a, depth, panels, panel_stride, next, chains);
    }
  }
}

// All rows of a block, tile by tile. Where the last tile would have too few rows to keep the units
// busy, it shares those of the one before it: 4 and 4 rows, not 6 and 2.
template <int kRows, int kPanels, typename Weight>
static inline void gemm_tiles(std::int64_t rows, const float* a, std::int64_t depth,
                              const Weight* panels, std::int64_t panel_stride, NextBlocks& next,
                              const Chains& chains) {
  std::int64_t i = 0;
  for (; rows - i >= 2 * kRows || rows - i == kRows; i += kRows) {
    gemm_tile<kRows, kPanels>(a + i * depth, depth, panels, panel_stride, next, chains.at_row(i));
  }
  if (rows - i > kRows) {
    const std::int64_t half = (rows - i + 1) / 2;
    gemm_last_rows<kRows, kPanels>(half, a + i * depth, depth, panels, panel_stride, next,
                                   chains.at_row(i));
    i += half;
  }
  gemm_last_rows<kRows - 1, kPanels>(rows - i, a + i * depth, depth, panels, panel_stride, next,
                                     chains.at_row(i));
}

template <int kRows, int kPanels>
static void gemm_rows(std::int64_t rows, const float* a, std::int64_t depth, const float* panels,
                      std::int64_t panel_stride, const Chains& chains) {
  NextBlocks next = next_blocks<kPanels>(panels, panel_stride, depth, (rows + kRows - 1) / kRows);
  gemm_tiles<kRows, kPanels>(rows, a, depth, panels, panel_stride, next, chains);
}

// Tiles from which on a block of bfloat16 panels is widened once for all of them. With fewer, each
// tile widens what it reads: the memory is what they wait for.
static constexpr std::int64_t kWidenedTiles = 8;

template <int kRows, int kPanels>
static void gemm_rows(std::int64_t rows, const float* a, std::int64_t depth,
                      const Bfloat16Bits* panels, std::int64_t panel_stride, const Chains& chains) {
  const std::int64_t tiles = (rows + kRows - 1) / kRows;
  NextBlocks next = next_blocks<kPanels>(panels, panel_stride, depth, tiles);
  if (tiles < kWidenedTiles) {
    gemm_tiles<kRows, kPanels>(rows, a, depth, panels, panel_stride, next, chains);
    return;
  }
  constexpr std::int64_t kStride = kDepthBlock * kPanel;
  alignas(64) float widened[kPanels * kStride];
  for (int p = 0; p < kPanels; ++p) {
    for (std::int64_t i = 0; i < depth * kPanel; i += kPanel) {
      store16(widened + p * kStride + i, load16(panels + p * panel_stride + i));
    }
  }
  gemm_tiles<kRows, kPanels>(rows, a, depth, static_cast<const float*>(widened), kStride, next,
                             chains);
}

// The chains of the panels from p on, in c [.., n]: `start` counts for the first depth block.
static Chains chains_of(ChainStart start, std::int64_t p, float* c, std::int64_t n) {
  static constexpr float kZeros[2 * kPanel] = {};
  float* const to = c + p * kPanel;
  switch (start.at) {
    case ChainStart::At::kZero:
      return {kZeros, 0, to, n};
    case ChainStart::At::kBias:
      return {start.bias + p * kPanel, 0, to, n};
    case ChainStart::At::kResult:
      break;
  }
  return {to, n, to, n};
}

// block [rows][depth] of a, from its row and k.
static void copy_block(MatrixView a, std::int64_t row, std::int64_t rows, std::int64_t k,
                       std::int64_t depth, float* block) {
  const float* const from = a.data + row * a.row_stride + k * a.column_stride;
  if (a.column_stride == 1) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < depth; ++j) {
        block[i * depth + j] = from[i * a.row_stride + j];
      }
    }
    return;
  }
  for (std::int64_t j = 0; j < depth; ++j) {
    for (std::int64_t i = 0; i < rows; ++i) {
      block[i * depth + j] = from[i * a.row_stride + j * a.column_stride];
    }
  }
}

// A last panel that reaches past c: its chains go through a buffer.
template <int kRows, typename Weight>
static void gemm_last_panel(const GemmShape& shape, std::int64_t rows, const float* a,
                            std::int64_t depth, const Weight* panel, std::int64_t stride,
                            ChainStart start, std::int64_t p, float* c) {
  const Chains chains = chains_of(start, p, c, shape.n);
  const std::int64_t width = shape.n - p * kPanel;
  float buffer[kRowBlock * kPanel];
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < kPanel; ++j) {
      buffer[i * kPanel + j] = j < width ? chains.from[i * chains.stride + j] : 0;
    }
  }
  gemm_rows<kRows, 1>(rows, a, depth, panel, stride, {buffer, kPanel, buffer, kPanel});
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      chains.to[i * chains.to_stride + j] = buffer[i * kPanel + j];
    }
  }
}

// A block of rows by one depth block of the panels [first, last): kPanels at a time, then one by
// one.
template <int kRows, int kPanels, typename Weight>
static void gemm_block(const GemmShape& shape, std::int64_t rows, const float* a,
                       std::int64_t depth, const Weight* panels, std::int64_t first,
                       std::int64_t last, ChainStart start, float* c) {
  const std::int64_t stride = shape.k * kPanel;
  const std::int64_t whole = shape.n / kPanel < last ? shape.n / kPanel : last;
  std::int64_t p = first;
  for (; p + kPanels <= whole; p += kPanels) {
    gemm_rows<kRows, kPanels>(rows, a, depth, panels + p * stride, stride,
                              chains_of(start, p, c, shape.n));
  }
  for (; p < whole; ++p) {
    gemm_rows<kRows, 1>(rows, a, depth, panels + p * stride, stride,
                        chains_of(start, p, c, shape.n));
  }
  if (p < last) {
    gemm_last_panel<kRows>(shape, rows, a, depth, panels + p * stride, stride, start, p, c);
  }
}

// Rows [row, row + count) of the result, count <= kRowBlock, in the panels [first, last).
template <int kRows, int kPanels, typename Weight>
static void gemm_row_block(const GemmShape& shape, MatrixView a, const Weight* panels,
                           std::int64_t first, std::int64_t last, std::int64_t row,
                           std::int64_t count, ChainStart start, float* c) {
  alignas(64) float rows[kRowBlock * kDepthBlock];
  float* const to = c + row * shape.n;
  for (std::int64_t panel = first; panel < last; panel += kPanelChunk) {
    const std::int64_t end_panel = last - panel < kPanelChunk ? last : panel + kPanelChunk;
    for (std::int64_t k = 0; k < shape.k; k += kDepthBlock) {
      const std::int64_t depth = shape.k - k < kDepthBlock ? shape.k - k : kDepthBlock;
      const ChainStart from = k == 0 ? start : ChainStart{ChainStart::At::kResult, nullptr};
      copy_block(a, row, count, k, depth, rows);
      gemm_block<kRows, kPanels>(shape, count, rows, depth, panels + k * kPanel, panel, end_panel,
                                 from, to);
    }
  }
}

// Blocks of rows that the threads take one by one: large ones first, small ones towards the end, so
// that all threads end together, on cores that other work slows down too.
struct RowBlocks {
  std::int64_t rows, threads;
  std::int64_t least;  // rows of a block
  std::int64_t number = 0;
  std::int64_t begin = 0;

  std::int64_t size() const {
    const std::int64_t left = rows - begin;
    const std::int64_t share = (left / (2 * threads) + least - 1) / least * least;
    const std::int64_t size = share < least ? least : share > kRowBlock ? kRowBlock : share;
    return size < left ? size : left;
  }
  // False where there are no more blocks. Numbers must grow.
  bool move_to(std::int64_t block) {
    for (; number < block && begin < rows; ++number) {
      begin += size();
    }
    return begin < rows;
  }
};

// Whoever multiplies rows of A copies them, so threads share the rows where there are many, or few
// panels, and else the panels.
template <int kRows, int kPanels, typename Weight>
static void gemm_all(const GemmShape& shape, MatrixView a, const Weight* panels, ChainStart start,
                     float* c) {
  const std::int64_t panel_count = panels_of(shape.n);
  std::int64_t taken = 0;
#pragma omp parallel
  {
    const std::int64_t threads = omp_get_num_threads();
    const std::int64_t thread = omp_get_thread_num();
    const bool many_rows = shape.m >= 2 * threads * kRowBlock;
    if (many_rows || (panel_count < 2 * threads && shape.m >= 2 * threads)) {
      // A block of few rows costs less to compute than to read many panels for.
      RowBlocks blocks{shape.m, threads, many_rows ? 4 * kRows : kRows};
      while (blocks.move_to(take(taken))) {
        gemm_row_block<kRows, kPanels>(shape, a, panels, 0, panel_count, blocks.begin,
                                       blocks.size(), start, c);
      }
    } else {
      const std::int64_t first = panel_count * thread / threads;
      const std::int64_t last = panel_count * (thread + 1) / threads;
      for (std::int64_t row = 0; row < shape.m && first < last; row += kRowBlock) {
        const std::int64_t left = shape.m - row;
        gemm_row_block<kRows, kPanels>(shape, a, panels, first, last, row,
                                       left < kRowBlock ? left : kRowBlock, start, c);
      }
    }
  }
}

}  // namespace cogent::model::cpu
