#include "core/model/kernels/reference/reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones_like.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace cogent::model::reference {
namespace {

// Scaled logits of a chunk of rows: [rows, vocab]. All of the wide type.
at::Tensor scaled_logits(const at::Tensor& hidden, const at::Tensor& head, double temperature) {
  return at::mm(hidden, head.t()).div_(temperature);
}

}  // namespace

TokenLogprobs token_logprob(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, double temperature) {
  const std::int64_t rows = hidden.size(0);
  const at::Tensor wide = hidden.to(wide_type(hidden));
  const at::Tensor wide_head = as_activation(head, wide);
  const auto options = wide.options();
  TokenLogprobs result{at::empty({rows}, options), at::empty({rows}, options),
                       at::empty({rows}, options)};
  for (std::int64_t begin = 0; begin < rows; begin += kHeadChunkRows) {
    const std::int64_t end = std::min(begin + kHeadChunkRows, rows);
    const at::Tensor logits = scaled_logits(wide.slice(0, begin, end), wide_head, temperature);
    const at::Tensor lse = at::logsumexp(logits, 1);
    const at::Tensor chosen = logits.gather(1, targets.slice(0, begin, end).unsqueeze(1));
    const at::Tensor logprobs = logits - lse.unsqueeze(1);
    result.lse.slice(0, begin, end).copy_(lse);
    result.logprob.slice(0, begin, end).copy_(chosen.squeeze(1) - lse);
    result.entropy.slice(0, begin, end).copy_(-(logprobs.exp() * logprobs).sum(1));
  }
  return result;
}

// With z = logits / temperature and p = softmax(z): d logprob / d z = one-hot(target) - p, and
// d entropy / d z = -p (log p + entropy).
at::Tensor token_logprob_backward(const at::Tensor& dlogprob, const at::Tensor& dentropy,
                                  const at::Tensor& hidden, const at::Tensor& head,
                                  const at::Tensor& targets, const TokenLogprobs& forward,
                                  double temperature, at::Tensor& dhead) {
  const std::int64_t rows = hidden.size(0);
  const at::Tensor wide = hidden.to(wide_type(hidden));
  const at::Tensor wide_head = as_activation(head, wide);
  at::Tensor dhidden = at::empty_like(hidden);
  for (std::int64_t begin = 0; begin < rows; begin += kHeadChunkRows) {
    const std::int64_t end = std::min(begin + kHeadChunkRows, rows);
    const at::Tensor part = wide.slice(0, begin, end);
    const at::Tensor index = targets.slice(0, begin, end).unsqueeze(1);
    const auto column = [&](const at::Tensor& values) {
      return values.slice(0, begin, end).unsqueeze(1);
    };
    const at::Tensor logprobs =
        scaled_logits(part, wide_head, temperature).sub_(column(forward.lse));
    at::Tensor dlogits = logprobs.exp().neg_();
    at::Tensor of_entropy;
    if (dentropy.defined()) {
      of_entropy = dlogits * (logprobs + column(forward.entropy)) * column(dentropy);
    }
    dlogits.scatter_add_(1, index, at::ones_like(index, dlogits.options()));
    dlogits.mul_(column(dlogprob));
    if (of_entropy.defined()) {
      dlogits.add_(of_entropy);
    }
    dlogits.div_(temperature);
    dhidden.slice(0, begin, end).copy_(at::mm(dlogits, wide_head));
    if (dhead.defined()) {
      dhead.addmm_(dlogits.t(), part);
    }
  }
  return dhidden;
}

float row_logprob(std::span<const float> logits, std::int64_t target, double temperature) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const float logit : logits) {
    largest = std::max(largest, static_cast<double>(logit));
  }
  double total = 0;
  for (const float logit : logits) {
    total += std::exp((static_cast<double>(logit) - largest) / temperature);
  }
  const double chosen = static_cast<double>(logits[static_cast<std::size_t>(target)]);
  return static_cast<float>((chosen - largest) / temperature - std::log(total));
}

}  // namespace cogent::model::reference
