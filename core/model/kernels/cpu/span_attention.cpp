#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/kernels/cpu/tile_sizes.hpp"
#include "core/model/kernels/reference/reference.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

namespace cogent::model::cpu {
namespace {

// Tiles of all segments, with the runs that they point to.
struct TilePlan {
  std::vector<KeyRun> runs;
  std::vector<AttentionTile> tiles;
  std::int64_t query_rows = 0;     // that some segment holds
  std::int64_t gradient_rows = 0;  // rows of all tiles' own key gradients
};

void add_forward_tiles(AttentionTile segment, std::int64_t vectors, TilePlan& plan) {
  for (std::int64_t begin = 0; begin < vectors; begin += kForwardTile) {
    segment.begin = begin;
    segment.end = std::min(begin + kForwardTile, vectors);
    plan.tiles.push_back(segment);
  }
}

// Each tile is whole rows and has own rows for the gradient of every key that its last row sees.
void add_gradient_tiles(AttentionTile segment, std::int64_t rows, std::int64_t ratio,
                        TilePlan& plan) {
  const std::int64_t size = gradient_tile_rows(rows);
  for (std::int64_t begin = 0; begin < rows; begin += size) {
    const std::int64_t end = std::min(begin + size, rows);
    segment.begin = begin * ratio;
    segment.end = end * ratio;
    segment.gradient_row = plan.gradient_rows;
    plan.gradient_rows += segment.first_visible + end - 1;
    plan.tiles.push_back(segment);
  }
}

enum class Direction { kForward, kBackward };

TilePlan make_plan(std::span<const AttentionSegment> segments, std::int64_t ratio,
                   Direction direction) {
  TilePlan plan;
  std::size_t run_count = 0;
  for (const AttentionSegment& segment : segments) {
    run_count += segment.keys.size();
  }
  plan.runs.reserve(run_count);  // tiles point into it
  for (const AttentionSegment& segment : segments) {
    const KeyRun* runs = plan.runs.data() + plan.runs.size();
    std::int64_t keys = 0;
    for (const RowSpan& span : segment.keys) {
      plan.runs.push_back({span.begin, span.end});
      keys += span.end - span.begin;
    }
    const std::int64_t rows = segment.query_end - segment.query_begin;
    const AttentionTile tile{runs, segment.query_begin, keys - rows + 1, 0, 0, 0};
    plan.query_rows += rows;
    if (direction == Direction::kForward) {
      add_forward_tiles(tile, rows * ratio, plan);
    } else {
      add_gradient_tiles(tile, rows, ratio, plan);
    }
  }
  return plan;
}

AttentionShape shape_of(const at::Tensor& q, const at::Tensor& keys) {
  return {keys.size(1), q.size(1) / keys.size(1), q.size(2)};
}

}  // namespace

AttentionOutput span_attention(const at::Tensor& q, const at::Tensor& keys,
                               const at::Tensor& values,
                               std::span<const AttentionSegment> segments) {
  if (q.scalar_type() != at::kFloat) {
    return reference::span_attention(q, keys, values, segments);
  }
  const AttentionShape shape = shape_of(q, keys);
  const TilePlan plan = make_plan(segments, shape.ratio, Direction::kForward);
  const bool whole = plan.query_rows == q.size(0);
  AttentionOutput result{whole ? at::empty_like(q) : at::zeros_like(q),
                         whole ? at::empty({q.size(0), q.size(1)}, q.options())
                               : at::zeros({q.size(0), q.size(1)}, q.options())};
  attention_forward(shape, plan.tiles.data(), static_cast<std::int64_t>(plan.tiles.size()),
                    values_of(q), values_of(keys), values_of(values), mutable_values_of(result.out),
                    mutable_values_of(result.lse));
  return result;
}

at::Tensor span_attention_backward(const at::Tensor& dout, const at::Tensor& q,
                                   const at::Tensor& keys, const at::Tensor& values,
                                   const AttentionOutput& forward,
                                   std::span<const AttentionSegment> segments, at::Tensor& dkeys,
                                   at::Tensor& dvalues) {
  if (q.scalar_type() != at::kFloat) {
    return reference::span_attention_backward(dout, q, keys, values, forward, segments, dkeys,
                                              dvalues);
  }
  const AttentionShape shape = shape_of(q, keys);
  const TilePlan plan = make_plan(segments, shape.ratio, Direction::kBackward);
  const auto count = static_cast<std::int64_t>(plan.tiles.size());
  const std::int64_t width = shape.kv_heads * shape.head_dim;
  at::Tensor dq = plan.query_rows == q.size(0) ? at::empty_like(q) : at::zeros_like(q);
  at::Tensor tile_dk = at::empty({plan.gradient_rows, width}, q.options());
  at::Tensor tile_dv = at::empty({plan.gradient_rows, width}, q.options());
  attention_gradient(shape, plan.tiles.data(), count, values_of(dout), values_of(q),
                     values_of(keys), values_of(values), values_of(forward.out),
                     values_of(forward.lse), mutable_values_of(dq), mutable_values_of(tile_dk),
                     mutable_values_of(tile_dv));
  const auto add = [&](const at::Tensor& tile_rows, at::Tensor& gradient) {
    if (gradient.defined()) {
      add_tile_gradients(plan.tiles.data(), count, shape.ratio, values_of(tile_rows),
                         gradient.size(0), width, mutable_values_of(gradient));
    }
  };
  add(tile_dk, dkeys);
  add(tile_dv, dvalues);
  return dq;
}

}  // namespace cogent::model::cpu
