#include "core/model/transformer.hpp"

#include "core/base/error.hpp"
#include "core/model/block_layout.hpp"
#include "core/model/huge_pages.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <utility>

namespace cogent::model {
namespace {

at::Tensor index_tensor(std::int64_t count) {
  return at::empty({count}, at::TensorOptions().dtype(at::kLong));
}

template <typename Index>
at::Tensor to_tensor(std::span<const Index> values) {
  at::Tensor tensor = index_tensor(static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
  return tensor;
}

void check_ids(std::span<const std::int32_t> ids, std::int64_t vocab_size) {
  for (const std::int32_t id : ids) {
    check(id >= 0 && id < vocab_size, ErrorCode::kModel, "token id ", id,
          " is outside the model's vocabulary of ", vocab_size,
          ": the tokenizer and the model do not belong together");
  }
}

// `pool`: how many rows keys may come from; negative where only the cache knows.
void check_segment(const AttentionSegment& segment, std::int64_t rows, std::int64_t pool) {
  check(segment.query_begin >= 0 && segment.query_begin <= segment.query_end &&
            segment.query_end <= rows,
        ErrorCode::kUnexpected, "attention segment has query rows ", segment.query_begin, " to ",
        segment.query_end, " of a batch of ", rows, " rows");
  std::int64_t keys = 0;
  for (const RowSpan& span : segment.keys) {
    check(span.begin >= 0 && span.begin <= span.end && (pool < 0 || span.end <= pool),
          ErrorCode::kUnexpected, "attention segment has key rows ", span.begin, " to ", span.end,
          " of a pool of ", pool, " rows");
    keys += span.end - span.begin;
  }
  const std::int64_t queries = segment.query_end - segment.query_begin;
  check(keys >= queries, ErrorCode::kUnexpected, "attention segment has ", queries,
        " query rows but only ", keys, " key rows: each query sees at least itself");
}

// cos and sin of position * frequency, computed in double and rounded once, to float32 where
// activations are not float64.
std::pair<at::Tensor, at::Tensor> rope_tables(std::span<const std::int32_t> positions,
                                              const std::vector<double>& frequencies,
                                              at::ScalarType activations) {
  const auto rows = static_cast<std::int64_t>(positions.size());
  const auto half = static_cast<std::int64_t>(frequencies.size());
  at::Tensor cos = at::empty({rows, half}, at::TensorOptions().dtype(at::kDouble));
  at::Tensor sin = at::empty({rows, half}, at::TensorOptions().dtype(at::kDouble));
  double* c = cos.mutable_data_ptr<double>();
  double* s = sin.mutable_data_ptr<double>();
  for (const std::int32_t position : positions) {
    check(position >= 0, ErrorCode::kUnexpected, "a row's position is ", position,
          ", positions start at 0");
    for (const double frequency : frequencies) {
      const double angle = position * frequency;
      *c++ = std::cos(angle);
      *s++ = std::sin(angle);
    }
  }
  const at::ScalarType type = activations == at::kDouble ? at::kDouble : at::kFloat;
  return {cos.to(type), sin.to(type)};
}

}  // namespace

KvCache make_kv_cache(const ModelConfig& config, std::int64_t capacity, at::ScalarType type) {
  KvCache cache;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    const auto make = [&] {
      return zeros_on_huge_pages({capacity, config.num_kv_heads, config.head_dim}, type);
    };
    cache.keys.push_back(make());
    cache.values.push_back(make());
  }
  return cache;
}

Transformer::Transformer(ModelConfig config, const OpTable& ops, LoraConfig lora)
    : config_(std::move(config)),
      lora_(std::move(lora)),
      units_(unit_specs(config_)),
      adapter_(adapter_specs(config_, lora_)),
      ops_(ops),
      inverse_frequencies_(rope_frequencies(config_)) {}

// What has no own kernel (core/model/kernels/cpu) goes to a library that promises no order of sums.
bool Transformer::rows_are_independent() const {
  return ops_.reads_panels;
}

at::ScalarType Transformer::compute_type(const ModelWeights& weights) const {
  return weights.flat.front().scalar_type() == at::kDouble ? at::kDouble : ops_.activations;
}

RowPlan Transformer::plan(std::span<const std::int32_t> ids,
                          std::span<const std::int32_t> positions,
                          std::vector<AttentionSegment> segments,
                          std::span<const std::int64_t> cache_rows,
                          std::optional<at::ScalarType> type) const {
  const auto rows = static_cast<std::int64_t>(ids.size());
  check(ids.size() == positions.size(), ErrorCode::kUnexpected, "a row plan has ", ids.size(),
        " ids but ", positions.size(), " positions");
  check(cache_rows.empty() || cache_rows.size() == ids.size(), ErrorCode::kUnexpected,
        "a row plan has ", ids.size(), " ids but ", cache_rows.size(), " cache rows");
  check_ids(ids, config_.vocab_size);
  for (const AttentionSegment& segment : segments) {
    check_segment(segment, rows, cache_rows.empty() ? rows : -1);
  }
  RowPlan plan;
  plan.ids = to_tensor(ids);
  plan.type = type.value_or(ops_.activations);
  std::tie(plan.cos, plan.sin) = rope_tables(positions, inverse_frequencies_, plan.type);
  plan.segments = std::move(segments);
  if (!cache_rows.empty()) {
    plan.cache_rows = to_tensor(cache_rows);
  }
  return plan;
}

at::Tensor Transformer::embed(const UnitTensors& embedding, const RowPlan& plan) const {
  return ops_.embedding(embedding[0], plan.ids).to(plan.type);
}

void Transformer::embed_backward(const at::Tensor& dx, const RowPlan& plan,
                                 UnitTensors& gradient) const {
  ops_.embedding_backward(dx, plan.ids, gradient[0]);
}

TokenLogprobs Transformer::head(const UnitTensors& weights, const at::Tensor& head_matrix,
                                const at::Tensor& x, std::span<const std::int64_t> rows,
                                std::span<const std::int32_t> targets, double temperature,
                                HeadActivations* saved) const {
  check(rows.size() == targets.size(), ErrorCode::kUnexpected, "the head is asked for ",
        rows.size(), " rows but ", targets.size(), " targets");
  check_ids(targets, config_.vocab_size);
  HeadActivations kept;
  kept.rows = to_tensor(rows);
  kept.selected = at::index_select(x, 0, kept.rows);
  kept.normed = ops_.rmsnorm(kept.selected, weights[0], config_.rms_norm_eps);
  kept.targets = to_tensor(targets);
  kept.temperature = temperature;
  kept.logprobs = ops_.token_logprob(kept.normed, head_matrix, kept.targets, temperature);
  TokenLogprobs result = kept.logprobs;
  if (saved != nullptr) {
    *saved = std::move(kept);
  }
  return result;
}

at::Tensor Transformer::head_backward(const UnitTensors& weights, const at::Tensor& head_matrix,
                                      const HeadActivations& saved, const at::Tensor& dlogprob,
                                      const at::Tensor& dentropy, std::int64_t x_rows,
                                      UnitTensors& gradient, at::Tensor& dhead_matrix) const {
  const at::Tensor dnormed =
      ops_.token_logprob_backward(dlogprob, dentropy, saved.normed, head_matrix, saved.targets,
                                  saved.logprobs, saved.temperature, dhead_matrix);
  const at::Tensor dselected =
      ops_.rmsnorm_backward(dnormed, saved.selected, weights[0], config_.rms_norm_eps, gradient[0]);
  // A prompt's last row may have several targets.
  const at::ScalarType wide = wide_type(dselected);
  at::Tensor dx = at::zeros({x_rows, dselected.size(1)}, dselected.options().dtype(wide));
  dx.index_add_(0, saved.rows, dselected.to(wide));
  return dx.to(dselected.scalar_type());
}

at::Tensor Transformer::logits(const UnitTensors& weights, const at::Tensor& head_matrix,
                               const at::Tensor& x, std::span<const std::int64_t> rows) const {
  const at::Tensor selected = at::index_select(x, 0, to_tensor(rows));
  const at::Tensor normed = ops_.rmsnorm(selected, weights[0], config_.rms_norm_eps);
  return ops_.linear(normed.to(wide_type(normed)), head_matrix, {});
}

}  // namespace cogent::model
