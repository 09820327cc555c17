#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/kernels/cpu/linear.hpp"
#include "core/model/kernels/cpu/tile_sizes.hpp"
#include "core/model/kernels/reference/reference.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>

namespace cogent::model::cpu {
namespace {

// Calls `use(begin, count, logits)` for each chunk of rows, the logits [count, vocab] standing in
// one buffer for all chunks.
template <typename Use>
void for_each_chunk(const at::Tensor& hidden, const at::Tensor& head, const Use& use) {
  const std::int64_t rows = hidden.size(0);
  const at::Tensor panels = panels_of_weight(head);
  const at::Tensor buffer =
      at::empty({std::min(rows, kHeadChunkRows), row_count(head)}, hidden.options());
  for (std::int64_t begin = 0; begin < rows; begin += kHeadChunkRows) {
    const std::int64_t count = std::min(kHeadChunkRows, rows - begin);
    at::Tensor logits = buffer.narrow(0, 0, count);
    multiply(hidden.narrow(0, begin, count), panels, {}, logits);
    use(begin, count, logits);
  }
}

}  // namespace

TokenLogprobs token_logprob(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, double temperature) {
  if (hidden.scalar_type() != at::kFloat) {
    return reference::token_logprob(hidden, head, targets, temperature);
  }
  const auto make = [&] { return at::empty({hidden.size(0)}, hidden.options()); };
  TokenLogprobs result{make(), make(), make()};
  const std::int64_t* target = targets.const_data_ptr<std::int64_t>();
  for_each_chunk(hidden, head, [&](std::int64_t begin, std::int64_t count, at::Tensor& logits) {
    softmax_statistics(values_of(logits), target + begin, static_cast<float>(1 / temperature),
                       count, row_count(head), mutable_values_of(result.logprob) + begin,
                       mutable_values_of(result.entropy) + begin,
                       mutable_values_of(result.lse) + begin);
  });
  return result;
}

at::Tensor token_logprob_backward(const at::Tensor& dlogprob, const at::Tensor& dentropy,
                                  const at::Tensor& hidden, const at::Tensor& head,
                                  const at::Tensor& targets, const TokenLogprobs& forward,
                                  double temperature, at::Tensor& dhead) {
  if (hidden.scalar_type() != at::kFloat) {
    return reference::token_logprob_backward(dlogprob, dentropy, hidden, head, targets, forward,
                                             temperature, dhead);
  }
  at::Tensor dhidden = at::empty_like(hidden);
  const at::Tensor transposed_head = panels_of_transposed(head);
  const std::int64_t* target = targets.const_data_ptr<std::int64_t>();
  for_each_chunk(hidden, head, [&](std::int64_t begin, std::int64_t count, at::Tensor& logits) {
    const auto scale = static_cast<float>(1 / temperature);
    if (dentropy.defined()) {
      softmax_entropy_gradient(mutable_values_of(logits), target + begin,
                               values_of(forward.lse) + begin, values_of(forward.entropy) + begin,
                               values_of(dlogprob) + begin, values_of(dentropy) + begin, scale,
                               count, row_count(head));
    } else {
      softmax_gradient(mutable_values_of(logits), target + begin, values_of(forward.lse) + begin,
                       values_of(dlogprob) + begin, scale, count, row_count(head));
    }
    at::Tensor part = dhidden.narrow(0, begin, count);
    multiply(logits, transposed_head, {}, part);
    if (dhead.defined()) {
      add_outer_products(logits, hidden.narrow(0, begin, count), dhead);
    }
  });
  return dhidden;
}

float row_logprob(std::span<const float> logits, std::int64_t target, double temperature) {
  float logprob = 0;
  float entropy = 0;
  float lse = 0;
  softmax_statistics(logits.data(), &target, static_cast<float>(1 / temperature), 1,
                     static_cast<std::int64_t>(logits.size()), &logprob, &entropy, &lse);
  return logprob;
}

}  // namespace cogent::model::cpu
