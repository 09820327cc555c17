#include "core/model/ops/ops.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace cogent::model {
namespace {

using testing::difference;
using testing::random_tensor;
using Tensors = std::vector<at::Tensor>;

at::Tensor index(std::initializer_list<std::int64_t> values) {
  at::Tensor tensor =
      at::empty({static_cast<std::int64_t>(values.size())}, at::TensorOptions().dtype(at::kLong));
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
  return tensor;
}

// One op under test, over float64 inputs.
struct OpCase {
  Tensors inputs;
  std::function<at::Tensor(const Tensors&)> forward;  // the op
  std::function<at::Tensor(const Tensors&)> naive;    // the same, by autograd's ops
  std::function<Tensors(const Tensors&, const at::Tensor&)> backward;  // one gradient an input
};

// Central differences of sum(forward weight) at a few values of each input.
void expect_finite_differences(const OpCase& op, const at::Tensor& weight,
                               const Tensors& gradients) {
  constexpr double kStep = 1e-6;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const std::int64_t n = op.inputs[i].numel();
    for (std::int64_t at = 0; at < n; at += std::max<std::int64_t>(1, n / 7)) {
      const auto loss = [&](double step) {
        Tensors moved = op.inputs;
        moved[i] = moved[i].clone();
        moved[i].view(-1)[at] += step;
        return (op.forward(moved) * weight).sum().item<double>();
      };
      const double slope = (loss(kStep) - loss(-kStep)) / (2 * kStep);
      EXPECT_NEAR(gradients[i].reshape(-1)[at].item<double>(), slope, 1e-6)
          << "input " << i << ", value " << at;
    }
  }
}

void expect_gradients(const OpCase& op) {
  Tensors leaves;
  for (const at::Tensor& input : op.inputs) {
    leaves.push_back(input.clone().requires_grad_(true));
  }
  const at::Tensor out = op.forward(op.inputs);
  const at::Tensor naive = op.naive(leaves);
  EXPECT_LT(difference(out, naive), 1e-12);
  const at::Tensor weight = random_tensor(out.sizes().vec(), 99);
  (naive * weight).sum().backward();
  const Tensors gradients = op.backward(op.inputs, weight);
  ASSERT_EQ(gradients.size(), leaves.size());
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    EXPECT_LT(difference(gradients[i], leaves[i].grad()), 1e-11) << "input " << i;
  }
  expect_finite_differences(op, weight, gradients);
}

// An accumulated gradient starts at one, so that overwriting shows.
at::Tensor ones(const at::Tensor& like) {
  return at::ones_like(like);
}

TEST(OpGradient, Embedding) {
  const OpTable& ops = reference_ops();
  const at::Tensor ids = index({3, 0, 3, 6});
  expect_gradients({{random_tensor({7, 5}, 1)},
                    [&](const Tensors& x) { return ops.embedding(x[0], ids); },
                    [&](const Tensors& x) { return at::index_select(x[0], 0, ids); },
                    [&](const Tensors& x, const at::Tensor& dout) {
                      at::Tensor dtable = ones(x[0]);
                      ops.embedding_backward(dout, ids, dtable);
                      return Tensors{dtable - 1};
                    }});
}

TEST(OpGradient, Linear) {
  const OpTable& ops = reference_ops();
  expect_gradients({{random_tensor({6, 5}, 1), random_tensor({4, 5}, 2), random_tensor({4}, 3)},
                    [&](const Tensors& x) { return ops.linear(x[0], x[1], x[2]); },
                    [&](const Tensors& x) { return at::matmul(x[0], x[1].t()) + x[2]; },
                    [&](const Tensors& x, const at::Tensor& dout) {
                      at::Tensor dweight = ones(x[1]);
                      at::Tensor dbias = ones(x[2]);
                      at::Tensor none;
                      const at::Tensor dx = ops.linear_backward(dout, x[0], x[1], dweight, dbias);
                      EXPECT_TRUE(dx.equal(ops.linear_backward(dout, x[0], x[1], none, none)));
                      return Tensors{dx, dweight - 1, dbias - 1};
                    }});
}

TEST(OpGradient, RmsNorm) {
  const OpTable& ops = reference_ops();
  const double eps = 1e-2;
  expect_gradients(
      {{random_tensor({3, 2, 6}, 1), random_tensor({6}, 2)},
       [&](const Tensors& x) { return ops.rmsnorm(x[0], x[1], eps); },
       [&](const Tensors& x) { return x[0] / ((x[0] * x[0]).mean(-1, true) + eps).sqrt() * x[1]; },
       [&](const Tensors& x, const at::Tensor& dout) {
         at::Tensor dweight = ones(x[1]);
         const at::Tensor dx = ops.rmsnorm_backward(dout, x[0], x[1], eps, dweight);
         return Tensors{dx, dweight - 1};
       }});
}

TEST(OpGradient, Rope) {
  const OpTable& ops = reference_ops();
  const at::Tensor angle = random_tensor({5, 4}, 2);
  const at::Tensor cos = angle.cos();
  const at::Tensor sin = angle.sin();
  expect_gradients(
      {{random_tensor({5, 3, 8}, 1)},
       [&](const Tensors& x) { return ops.rope(x[0], cos, sin); },
       [&](const Tensors& x) {
         const at::Tensor turned = at::cat({-x[0].slice(2, 4), x[0].slice(2, 0, 4)}, 2);
         return x[0] * at::cat({cos, cos}, 1).unsqueeze(1) +
                turned * at::cat({sin, sin}, 1).unsqueeze(1);
       },
       [&](const Tensors&, const at::Tensor& dout) {
         return Tensors{ops.rope_backward(dout, cos, sin)};
       }});
}

TEST(OpGradient, SwiGlu) {
  const OpTable& ops = reference_ops();
  expect_gradients({{random_tensor({4, 5}, 1, at::kDouble, 3), random_tensor({4, 5}, 2)},
                    [&](const Tensors& x) { return ops.swiglu(x[0], x[1]); },
                    [&](const Tensors& x) { return at::silu(x[0]) * x[1]; },
                    [&](const Tensors& x, const at::Tensor& dout) {
                      at::Tensor dgate = ones(x[0]);
                      at::Tensor dup = ones(x[1]);
                      ops.swiglu_backward(dout, x[0], x[1], dgate, dup);
                      at::Tensor none;
                      at::Tensor only_up = ones(x[1]);
                      ops.swiglu_backward(dout, x[0], x[1], none, only_up);
                      EXPECT_TRUE(only_up.equal(dup));
                      return Tensors{dgate - 1, dup - 1};
                    }});
}

// Each query and head on its own, over the rows that it sees.
at::Tensor naive_attention(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                           const std::vector<AttentionSegment>& segments) {
  Tensors rows(static_cast<std::size_t>(q.size(0)), at::zeros_like(q[0]));
  for (const AttentionSegment& segment : segments) {
    std::vector<std::int64_t> order;
    for (const RowSpan& span : segment.keys) {
      for (std::int64_t row = span.begin; row < span.end; ++row) {
        order.push_back(row);
      }
    }
    for (std::int64_t row = segment.query_begin; row < segment.query_end; ++row) {
      const auto seen = order.size() - static_cast<std::size_t>(segment.query_end - row) + 1;
      at::Tensor visible = index({});
      visible = at::empty({static_cast<std::int64_t>(seen)}, visible.options());
      std::copy_n(order.begin(), seen, visible.mutable_data_ptr<std::int64_t>());
      Tensors heads;
      for (std::int64_t head = 0; head < q.size(1); ++head) {
        const std::int64_t kv = head / (q.size(1) / keys.size(1));
        const at::Tensor k = at::index_select(keys, 0, visible).select(1, kv);
        const at::Tensor v = at::index_select(values, 0, visible).select(1, kv);
        const at::Tensor p =
            at::softmax(at::matmul(k, q[row][head]) / std::sqrt(static_cast<double>(q.size(2))), 0);
        heads.push_back(at::matmul(p, v));
      }
      rows[static_cast<std::size_t>(row)] = at::stack(heads);
    }
  }
  return at::stack(rows);
}

TEST(OpGradient, SpanAttention) {
  const OpTable& ops = reference_ops();
  // A prompt of 4 rows, two sequences that share it (one over split spans), a row of none (12), a
  // segment without queries, and one query over a lone key.
  const std::vector<AttentionSegment> segments = {{0, 4, {{0, 4}}},
                                                  {4, 7, {{0, 2}, {2, 4}, {4, 7}}},
                                                  {7, 12, {{0, 4}, {7, 12}}},
                                                  {12, 12, {{0, 4}}},
                                                  {13, 14, {{13, 14}}}};
  for (const std::int64_t kv_heads : {1, 2, 6}) {
    expect_gradients(
        {{random_tensor({14, 6, 4}, 1), random_tensor({14, kv_heads, 4}, 2),
          random_tensor({14, kv_heads, 4}, 3)},
         [&](const Tensors& x) { return ops.span_attention(x[0], x[1], x[2], segments).out; },
         [&](const Tensors& x) { return naive_attention(x[0], x[1], x[2], segments); },
         [&](const Tensors& x, const at::Tensor& dout) {
           const AttentionOutput forward = ops.span_attention(x[0], x[1], x[2], segments);
           at::Tensor dkeys = ones(x[1]);
           at::Tensor dvalues = ones(x[2]);
           const at::Tensor dq = ops.span_attention_backward(dout, x[0], x[1], x[2], forward,
                                                             segments, dkeys, dvalues);
           return Tensors{dq, dkeys - 1, dvalues - 1};
         }});
  }
}

TEST(OpGradient, TokenLogprob) {
  const OpTable& ops = reference_ops();
  const at::Tensor targets = index({2, 0, 8, 2, 5});
  const double temperature = 0.7;
  expect_gradients({{random_tensor({5, 6}, 1), random_tensor({9, 6}, 2)},
                    [&](const Tensors& x) {
                      return ops.token_logprob(x[0], x[1], targets, temperature).logprob;
                    },
                    [&](const Tensors& x) {
                      return at::log_softmax(at::matmul(x[0], x[1].t()) / temperature, 1)
                          .gather(1, targets.unsqueeze(1))
                          .squeeze(1);
                    },
                    [&](const Tensors& x, const at::Tensor& dout) {
                      const TokenLogprobs forward =
                          ops.token_logprob(x[0], x[1], targets, temperature);
                      at::Tensor dhead = ones(x[1]);
                      const at::Tensor dhidden = ops.token_logprob_backward(
                          dout, {}, x[0], x[1], targets, forward, temperature, dhead);
                      return Tensors{dhidden, dhead - 1};
                    }});
}

// Of log-probability and entropy together: rows [:5] of the output and rows [5:].
TEST(OpGradient, TokenLogprobAndEntropy) {
  const OpTable& ops = reference_ops();
  const at::Tensor targets = index({2, 0, 8, 2, 5});
  const double temperature = 0.7;
  expect_gradients(
      {{random_tensor({5, 6}, 1), random_tensor({9, 6}, 2)},
       [&](const Tensors& x) {
         const TokenLogprobs forward = ops.token_logprob(x[0], x[1], targets, temperature);
         return at::cat({forward.logprob, forward.entropy});
       },
       [&](const Tensors& x) {
         const at::Tensor all = at::log_softmax(at::matmul(x[0], x[1].t()) / temperature, 1);
         return at::cat(
             {all.gather(1, targets.unsqueeze(1)).squeeze(1), -(all.exp() * all).sum(1)});
       },
       [&](const Tensors& x, const at::Tensor& dout) {
         const TokenLogprobs forward = ops.token_logprob(x[0], x[1], targets, temperature);
         at::Tensor dhead = ones(x[1]);
         const at::Tensor dhidden =
             ops.token_logprob_backward(dout.slice(0, 0, 5), dout.slice(0, 5, 10), x[0], x[1],
                                        targets, forward, temperature, dhead);
         return Tensors{dhidden, dhead - 1};
       }});
}

TEST(OpGradient, EntropyIsThatOfTheSameDistribution) {
  const at::Tensor hidden = random_tensor({5, 6}, 1);
  const at::Tensor head = random_tensor({9, 6}, 2);
  const TokenLogprobs result =
      reference_ops().token_logprob(hidden, head, index({2, 0, 8, 2, 5}), 0.7);
  const at::Tensor logprobs = at::log_softmax(at::matmul(hidden, head.t()) / 0.7, 1);
  EXPECT_LT(difference(result.entropy, -(logprobs.exp() * logprobs).sum(1)), 1e-12);
}

}  // namespace
}  // namespace cogent::model
