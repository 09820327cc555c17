#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/kernels/reference/reference.hpp"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/t.h>

#include <algorithm>

namespace cogent::model::cpu {
namespace {

constexpr std::int64_t kChunkRows = 256;

// Calls `use(begin, count, logits)` for each chunk of rows, the logits [count, vocab] standing in
// one buffer for all chunks.
template <typename Use>
void for_each_chunk(const at::Tensor& hidden, const at::Tensor& head, const Use& use) {
  const std::int64_t rows = hidden.size(0);
  const at::Tensor buffer = at::empty({std::min(rows, kChunkRows), head.size(0)}, hidden.options());
  for (std::int64_t begin = 0; begin < rows; begin += kChunkRows) {
    const std::int64_t count = std::min(kChunkRows, rows - begin);
    at::Tensor logits = buffer.narrow(0, 0, count);
    at::mm_out(logits, hidden.narrow(0, begin, count), head.t());
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
                       count, head.size(0), mutable_values_of(result.logprob) + begin,
                       mutable_values_of(result.entropy) + begin,
                       mutable_values_of(result.lse) + begin);
  });
  return result;
}

at::Tensor token_logprob_backward(const at::Tensor& dlogprob, const at::Tensor& hidden,
                                  const at::Tensor& head, const at::Tensor& targets,
                                  const TokenLogprobs& forward, double temperature,
                                  at::Tensor& dhead) {
  if (hidden.scalar_type() != at::kFloat) {
    return reference::token_logprob_backward(dlogprob, hidden, head, targets, forward, temperature,
                                             dhead);
  }
  at::Tensor dhidden = at::empty_like(hidden);
  const std::int64_t* target = targets.const_data_ptr<std::int64_t>();
  for_each_chunk(hidden, head, [&](std::int64_t begin, std::int64_t count, at::Tensor& logits) {
    softmax_gradient(mutable_values_of(logits), target + begin, values_of(forward.lse) + begin,
                     values_of(dlogprob) + begin, static_cast<float>(1 / temperature), count,
                     head.size(0));
    at::Tensor part = dhidden.narrow(0, begin, count);
    at::mm_out(part, logits, head);
    if (dhead.defined()) {
      dhead.addmm_(logits.t(), hidden.narrow(0, begin, count));
    }
  });
  return dhidden;
}

}  // namespace cogent::model::cpu
