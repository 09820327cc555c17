#include "core/model/kernels/reference/reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <limits>

namespace cogent::model::reference {
namespace {

// Rows of a segment's spans, in order: [kv_heads, keys, head_dim] of the wide type.
at::Tensor gather(const at::Tensor& pool, const AttentionSegment& segment) {
  std::vector<at::Tensor> parts;
  parts.reserve(segment.keys.size());
  for (const RowSpan& span : segment.keys) {
    parts.push_back(pool.slice(0, span.begin, span.end));
  }
  return at::cat(parts).to(wide_type(pool)).transpose(0, 1);
}

// Query rows of a segment, the heads that share a key head side by side: [kv_heads, queries *
// ratio, head_dim] of the wide type.
at::Tensor by_kv_head(const at::Tensor& x, const AttentionSegment& segment, std::int64_t kv_heads) {
  const std::int64_t head_dim = x.size(2);
  return x.slice(0, segment.query_begin, segment.query_end)
      .to(wide_type(x))
      .view({-1, kv_heads, x.size(1) / kv_heads, head_dim})
      .transpose(0, 1)
      .reshape({kv_heads, -1, head_dim});
}

// The inverse of by_kv_head: [queries, heads, head_dim].
at::Tensor by_row(const at::Tensor& x, std::int64_t queries, std::int64_t heads) {
  const std::int64_t kv_heads = x.size(0);
  return x.view({kv_heads, queries, heads / kv_heads, x.size(2)})
      .transpose(0, 1)
      .reshape({queries, heads, x.size(2)});
}

// Scaled scores with the keys that a query does not see at minus infinity: [kv_heads, queries *
// ratio, keys].
at::Tensor masked_scores(const at::Tensor& q, const at::Tensor& k, std::int64_t queries) {
  const std::int64_t keys = k.size(1);
  const std::int64_t ratio = q.size(1) / queries;
  const auto index = q.options().dtype(at::kLong);
  const at::Tensor last = at::arange(keys - queries, keys, index).repeat_interleave(ratio);
  const at::Tensor hidden = at::arange(keys, index).unsqueeze(0) > last.unsqueeze(1);
  return at::bmm(q, k.transpose(1, 2))
      .mul_(1 / std::sqrt(static_cast<double>(q.size(2))))
      .masked_fill_(hidden.unsqueeze(0), -std::numeric_limits<double>::infinity());
}

// Statistics of a segment's rows, [queries, heads] as [kv_heads, queries * ratio, 1].
at::Tensor statistics(const at::Tensor& x, const AttentionSegment& segment, std::int64_t kv_heads) {
  return by_kv_head(x.unsqueeze(2), segment, kv_heads);
}

}  // namespace

AttentionOutput span_attention(const at::Tensor& q, const at::Tensor& keys,
                               const at::Tensor& values,
                               std::span<const AttentionSegment> segments) {
  const std::int64_t heads = q.size(1);
  const std::int64_t kv_heads = keys.size(1);
  AttentionOutput result{at::zeros_like(q),
                         at::zeros({q.size(0), heads}, q.options().dtype(wide_type(q)))};
  for (const AttentionSegment& segment : segments) {
    const std::int64_t queries = segment.query_end - segment.query_begin;
    if (queries == 0) {
      continue;
    }
    const at::Tensor scores =
        masked_scores(by_kv_head(q, segment, kv_heads), gather(keys, segment), queries);
    const at::Tensor lse = at::logsumexp(scores, -1, true);
    const at::Tensor out = at::bmm((scores - lse).exp_(), gather(values, segment));
    const auto rows = [&](const at::Tensor& x) {
      return x.slice(0, segment.query_begin, segment.query_end);
    };
    rows(result.out).copy_(by_row(out, queries, heads));
    rows(result.lse).copy_(by_row(lse, queries, heads).squeeze(2));
  }
  return result;
}

// With P = exp(S - lse), D = rowsum(dout out): dV = P^T dout, dP = dout V^T, dS = P (dP - D),
// dQ = dS K scale, dK = dS^T Q scale.
at::Tensor span_attention_backward(const at::Tensor& dout, const at::Tensor& q,
                                   const at::Tensor& keys, const at::Tensor& values,
                                   const AttentionOutput& forward,
                                   std::span<const AttentionSegment> segments, at::Tensor& dkeys,
                                   at::Tensor& dvalues) {
  const std::int64_t heads = q.size(1);
  const std::int64_t kv_heads = keys.size(1);
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(2)));
  at::Tensor dq = at::zeros_like(q);
  for (const AttentionSegment& segment : segments) {
    const std::int64_t queries = segment.query_end - segment.query_begin;
    if (queries == 0) {
      continue;
    }
    const at::Tensor sq = by_kv_head(q, segment, kv_heads);
    const at::Tensor sk = gather(keys, segment);
    const at::Tensor sdout = by_kv_head(dout, segment, kv_heads);
    const at::Tensor p =
        masked_scores(sq, sk, queries).sub_(statistics(forward.lse, segment, kv_heads)).exp_();
    const at::Tensor d = (sdout * by_kv_head(forward.out, segment, kv_heads)).sum(-1, true);
    const at::Tensor ds =
        at::bmm(sdout, gather(values, segment).transpose(1, 2)).sub_(d).mul_(p).mul_(scale);
    dq.slice(0, segment.query_begin, segment.query_end)
        .copy_(by_row(at::bmm(ds, sk), queries, heads));
    const auto scatter = [&](at::Tensor& gradient, const at::Tensor& left,
                             const at::Tensor& right) {
      if (!gradient.defined()) {
        return;
      }
      const at::Tensor part = at::bmm(left.transpose(1, 2), right).transpose(0, 1);
      std::int64_t from = 0;
      for (const RowSpan& span : segment.keys) {
        const std::int64_t count = span.end - span.begin;
        gradient.slice(0, span.begin, span.end).add_(part.slice(0, from, from + count));
        from += count;
      }
    };
    scatter(dkeys, ds, sq);
    scatter(dvalues, p, sdout);
  }
  return dq;
}

}  // namespace cogent::model::reference
