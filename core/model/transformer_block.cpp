#include "core/base/error.hpp"
#include "core/model/block_layout.hpp"
#include "core/model/transformer.hpp"

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace cogent::model {
namespace {

at::Tensor by_head(const at::Tensor& x, std::int64_t head_dim) {
  return x.view({x.size(0), -1, head_dim});
}

at::Tensor by_row(const at::Tensor& x) {
  return x.view({x.size(0), -1});
}

// Where sums over segments that share rows are added up.
at::Tensor zero_sums_like(const at::Tensor& x) {
  return at::zeros(x.sizes(), x.options().dtype(wide_type(x)));
}

// The parts of a block's arithmetic that are the same for every linear layer: W x + b, and where
// the layer has an adapter + B (s A x), s its scale. Row by row the same bits as the ops', since
// each step is an op of its own or elementwise.
struct Linears {
  const OpTable& ops;
  const UnitTensors& weights;
  double lora_scale;

  at::Tensor forward(const LinearLayout& at, const at::Tensor& x) const {
    at::Tensor y = ops.linear(x, weights[at.weight], parameter(weights, at.bias));
    const at::Tensor b = parameter(weights, at.lora_b);
    return b.defined() ? y.add_(ops.linear(down(at, x), b, {})) : y;
  }
  at::Tensor backward(const LinearLayout& at, const at::Tensor& dout, const at::Tensor& x,
                      UnitTensors& gradient) const {
    at::Tensor dweight = gradient[at.weight];
    at::Tensor dbias = parameter(gradient, at.bias);
    at::Tensor dx = ops.linear_backward(dout, x, weights[at.weight], dweight, dbias);
    const at::Tensor b = parameter(weights, at.lora_b);
    return b.defined() ? dx.add_(adapter_backward(at, dout, x, b, gradient)) : dx;
  }

 private:
  // s A x [rows, rank]. Cheap beside W x, so that a backward computes it again.
  at::Tensor down(const LinearLayout& at, const at::Tensor& x) const {
    return ops.linear(x, weights[at.lora_a], {}).mul_(lora_scale);
  }
  at::Tensor adapter_backward(const LinearLayout& at, const at::Tensor& dout, const at::Tensor& x,
                              const at::Tensor& b, UnitTensors& gradient) const {
    at::Tensor da = gradient[at.lora_a];
    at::Tensor db = gradient[at.lora_b];
    at::Tensor no_bias;
    const at::Tensor ddown =
        ops.linear_backward(dout, down(at, x), b, db, no_bias).mul_(lora_scale);
    return ops.linear_backward(ddown, x, weights[at.lora_a], da, no_bias);
  }
};

void check_cache_rows(const RowPlan& plan, std::int64_t capacity) {
  const auto check_row = [&](std::int64_t begin, std::int64_t end) {
    check(begin >= 0 && end <= capacity, ErrorCode::kUnexpected, "cache rows ", begin, " to ", end,
          " are outside the cache's ", capacity, " rows");
  };
  const std::int64_t* rows = plan.cache_rows.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < plan.rows(); ++i) {
    check_row(rows[i], rows[i] + 1);
  }
  for (const AttentionSegment& segment : plan.segments) {
    for (const RowSpan& span : segment.keys) {
      check_row(span.begin, span.end);
    }
  }
}

// Attention over the cache, after this batch's own keys and values were written there.
AttentionOutput attend_to_cache(const OpTable& ops, const RowPlan& plan, const at::Tensor& q,
                                const at::Tensor& k, const at::Tensor& v, at::Tensor& keys,
                                at::Tensor& values) {
  check_cache_rows(plan, keys.size(0));
  keys.index_copy_(0, plan.cache_rows, k);
  values.index_copy_(0, plan.cache_rows, v);
  return ops.span_attention(q, keys, values, plan.segments);
}

}  // namespace

at::Tensor Transformer::block(std::int64_t layer, const UnitTensors& weights, const RowPlan& plan,
                              const at::Tensor& x, KvCache* cache, BlockActivations* saved) const {
  check(plan.cache_rows.defined() == (cache != nullptr), ErrorCode::kUnexpected,
        "a row plan with cache rows needs a cache, and one without needs none");
  const BlockLayout at = block_layout(config_, lora_);
  const Linears linears{ops_, weights, lora_.scale()};
  const at::Tensor attention_input = ops_.rmsnorm(x, weights[at.input_norm], config_.rms_norm_eps);
  at::Tensor q = by_head(linears.forward(at.q, attention_input), config_.head_dim);
  at::Tensor k = by_head(linears.forward(at.k, attention_input), config_.head_dim);
  const at::Tensor v = by_head(linears.forward(at.v, attention_input), config_.head_dim);
  at::Tensor q_raw, k_raw;
  if (config_.qk_norm) {
    q_raw = q;
    k_raw = k;
    q = ops_.rmsnorm(q_raw, weights[at.q_norm], config_.rms_norm_eps);
    k = ops_.rmsnorm(k_raw, weights[at.k_norm], config_.rms_norm_eps);
  }
  q = ops_.rope(q, plan.cos, plan.sin);
  k = ops_.rope(k, plan.cos, plan.sin);
  const auto index = static_cast<std::size_t>(layer);
  const AttentionOutput attention =
      cache == nullptr
          ? ops_.span_attention(q, k, v, plan.segments)
          : attend_to_cache(ops_, plan, q, k, v, cache->keys[index], cache->values[index]);
  const at::Tensor middle = linears.forward(at.o, by_row(attention.out)).add_(x);
  const at::Tensor mlp_input = ops_.rmsnorm(middle, weights[at.post_norm], config_.rms_norm_eps);
  const at::Tensor gate = linears.forward(at.gate, mlp_input);
  const at::Tensor up = linears.forward(at.up, mlp_input);
  const at::Tensor activated = ops_.swiglu(gate, up);
  at::Tensor y = linears.forward(at.down, activated).add_(middle);
  if (saved != nullptr) {
    *saved = {x,         attention_input, q_raw,     k_raw, q,  k,        v,
              attention, middle,          mlp_input, gate,  up, activated};
  }
  return y;
}

at::Tensor Transformer::block_backward(const UnitTensors& weights, const RowPlan& plan,
                                       const BlockActivations& saved, const at::Tensor& dy,
                                       UnitTensors& gradient) const {
  const BlockLayout at = block_layout(config_, lora_);
  const Linears linears{ops_, weights, lora_.scale()};
  const auto norm_backward = [&](const at::Tensor& dout, const at::Tensor& x, std::size_t index) {
    at::Tensor dweight = gradient[index];
    return ops_.rmsnorm_backward(dout, x, weights[index], config_.rms_norm_eps, dweight);
  };

  at::Tensor dgate = at::zeros_like(saved.gate);
  at::Tensor dup = at::zeros_like(saved.up);
  ops_.swiglu_backward(linears.backward(at.down, dy, saved.activated, gradient), saved.gate,
                       saved.up, dgate, dup);
  at::Tensor dmlp_input = linears.backward(at.gate, dgate, saved.mlp_input, gradient);
  dmlp_input.add_(linears.backward(at.up, dup, saved.mlp_input, gradient));
  const at::Tensor dmiddle = norm_backward(dmlp_input, saved.middle, at.post_norm).add_(dy);

  const at::Tensor dattention = by_head(
      linears.backward(at.o, dmiddle, by_row(saved.attention.out), gradient), config_.head_dim);
  at::Tensor dk = zero_sums_like(saved.k);
  at::Tensor dv = zero_sums_like(saved.v);
  at::Tensor dq = ops_.span_attention_backward(dattention, saved.q, saved.k, saved.v,
                                               saved.attention, plan.segments, dk, dv);
  dq = ops_.rope_backward(dq, plan.cos, plan.sin);
  dk = ops_.rope_backward(dk, plan.cos, plan.sin).to(plan.type);
  dv = dv.to(plan.type);
  if (config_.qk_norm) {
    dq = norm_backward(dq, saved.q_raw, at.q_norm);
    dk = norm_backward(dk, saved.k_raw, at.k_norm);
  }
  at::Tensor dinput = linears.backward(at.q, by_row(dq), saved.attention_input, gradient);
  dinput.add_(linears.backward(at.k, by_row(dk), saved.attention_input, gradient));
  dinput.add_(linears.backward(at.v, by_row(dv), saved.attention_input, gradient));
  return norm_backward(dinput, saved.x, at.input_norm).add_(dmiddle);
}

}  // namespace cogent::model
