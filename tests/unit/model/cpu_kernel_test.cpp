#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/ops/ops.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones_like.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <omp.h>

namespace cogent::model {
namespace {

using testing::difference;
using testing::random_ids;
using testing::random_tensor;
using Tensors = std::vector<at::Tensor>;

// What an op gives for inputs: every output and gradient, in a fixed order.
using OpRun = std::function<Tensors(const OpTable&, const Tensors&)>;

Tensors to(const Tensors& tensors, at::ScalarType type) {
  Tensors result;
  for (const at::Tensor& tensor : tensors) {
    result.push_back(tensor.to(type));
  }
  return result;
}

// Whether an op's bits must be the same for any number of threads; the library behind the reference
// products promises that to nobody.
enum class Threads { kSameBits, kNear };

// The CPU table in float32 against the reference in float64 of the same values.
void expect_agreement(const Tensors& inputs, const OpRun& run,
                      Threads threads = Threads::kSameBits) {
  const Tensors rounded = to(to(inputs, at::kFloat), at::kDouble);
  const Tensors expected = run(reference_ops(), rounded);
  const int usual = omp_get_max_threads();
  Tensors first;
  for (const int count : {1, 2, 3}) {
    omp_set_num_threads(count);
    const Tensors got = run(cpu_ops(), to(inputs, at::kFloat));
    first = first.empty() ? got : first;
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].scalar_type(), at::kFloat);
      EXPECT_LT(difference(got[i], expected[i]), 1e-5) << "output " << i;
      if (threads == Threads::kSameBits) {
        EXPECT_TRUE(got[i].equal(first[i])) << "output " << i << " with " << count << " threads";
      }
    }
  }
  omp_set_num_threads(usual);
}

// In bfloat16 the CPU table falls back to the reference, which is near the float64 result.
void expect_sane_bfloat16(const Tensors& inputs, const OpRun& run, double tolerance = 0.05) {
  const Tensors coarse = to(inputs, at::kBFloat16);
  const Tensors expected = run(reference_ops(), to(coarse, at::kDouble));
  const Tensors got = run(cpu_ops(), coarse);
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_LT(difference(got[i], expected[i]), tolerance) << "output " << i;
  }
}

void expect_both(const Tensors& inputs, const OpRun& run) {
  expect_agreement(inputs, run);
  expect_sane_bfloat16(inputs, run);
}

TEST(CpuKernel, RmsNorm) {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{1, 576}, {37, 576}, {5, 3, 64}, {4, 13}, {3, 1}, {2, 24}}) {
    expect_both({random_tensor(shape, 1, at::kDouble, 3), random_tensor({shape.back()}, 2),
                 random_tensor(shape, 3)},
                [](const OpTable& ops, const Tensors& x) {
                  at::Tensor dweight = at::ones_like(x[1]);
                  const at::Tensor dx = ops.rmsnorm_backward(x[2], x[0], x[1], 1e-5, dweight);
                  return Tensors{ops.rmsnorm(x[0], x[1], 1e-5), dx, dweight};
                });
  }
}

TEST(CpuKernel, Rope) {
  const at::Tensor angle = random_tensor({7, 16}, 2);
  expect_both({random_tensor({7, 3, 32}, 1), angle.cos(), angle.sin()},
              [](const OpTable& ops, const Tensors& x) {
                return Tensors{ops.rope(x[0], x[1], x[2]), ops.rope_backward(x[0], x[1], x[2])};
              });
}

TEST(CpuKernel, SwiGlu) {
  for (const std::int64_t columns : {1, 8, 13, 1536}) {
    expect_both({random_tensor({5, columns}, 1, at::kDouble, 30), random_tensor({5, columns}, 2),
                 random_tensor({5, columns}, 3)},
                [](const OpTable& ops, const Tensors& x) {
                  at::Tensor dgate = at::ones_like(x[0]);
                  at::Tensor dup = at::ones_like(x[1]);
                  ops.swiglu_backward(x[2], x[0], x[1], dgate, dup);
                  return Tensors{ops.swiglu(x[0], x[1]), dgate, dup};
                });
  }
}

TEST(CpuKernel, SwiGluOfHugeGates) {
  at::Tensor gate = random_tensor({1, 16}, 1, at::kFloat, 500);
  const at::Tensor up = at::ones_like(gate);
  EXPECT_LT(difference(cpu_ops().swiglu(gate, up),
                       reference_ops().swiglu(gate.to(at::kDouble), up.to(at::kDouble))),
            1e-6);
}

Tensors run_attention(const OpTable& ops, const Tensors& x,
                      const std::vector<AttentionSegment>& segments) {
  const AttentionOutput forward = ops.span_attention(x[0], x[1], x[2], segments);
  at::Tensor dkeys = at::ones_like(x[1]);
  at::Tensor dvalues = at::ones_like(x[2]);
  const at::Tensor dq =
      ops.span_attention_backward(x[3], x[0], x[1], x[2], forward, segments, dkeys, dvalues);
  return {forward.out, forward.lse, dq, dkeys, dvalues};
}

struct AttentionCase {
  std::int64_t rows, pool, heads, kv_heads, head_dim;
  std::vector<AttentionSegment> segments;
};

Tensors attention_inputs(const AttentionCase& c) {
  return {random_tensor({c.rows, c.heads, c.head_dim}, 1),
          random_tensor({c.pool, c.kv_heads, c.head_dim}, 2),
          random_tensor({c.pool, c.kv_heads, c.head_dim}, 3),
          random_tensor({c.rows, c.heads, c.head_dim}, 4)};
}

void expect_attention(const AttentionCase& c) {
  expect_agreement(attention_inputs(c), [&](const OpTable& ops, const Tensors& x) {
    return run_attention(ops, x, c.segments);
  });
}

// A prompt of 150 rows and three completions that share it, of 1, 64 and 85 rows.
const std::vector<AttentionSegment> kGroup = {{0, 150, {{0, 150}}},
                                              {150, 151, {{0, 150}, {150, 151}}},
                                              {151, 215, {{0, 150}, {151, 215}}},
                                              {215, 300, {{0, 150}, {215, 300}}}};

TEST(CpuKernel, AttentionOfAGroup) {
  for (const std::int64_t head_dim : {2, 4, 8, 12, 20, 32, 64, 80, 96, 106, 128}) {
    expect_attention({300, 300, 6, 2, head_dim, kGroup});
  }
  for (const std::int64_t kv_heads : {1, 8}) {
    expect_attention({300, 300, 8, kv_heads, 32, kGroup});
  }
}

TEST(CpuKernel, AttentionInBfloat16) {
  const std::vector<AttentionSegment> segments = {{0, 20, {{0, 20}}},
                                                  {20, 30, {{0, 20}, {20, 30}}}};
  expect_sane_bfloat16(
      attention_inputs({30, 30, 4, 2, 32, {}}),
      [&](const OpTable& ops, const Tensors& x) { return run_attention(ops, x, segments); });
}

TEST(CpuKernel, AttentionOfALongSegment) {
  expect_attention({1100, 1100, 3, 1, 16, {{0, 1100, {{0, 1100}}}}});
}

TEST(CpuKernel, AttentionOverPagesOutOfOrder) {
  // Decoding: one query a segment over pages of 16 rows, one page shared, empty spans between.
  expect_attention({3,
                    200,
                    4,
                    2,
                    32,
                    {{0, 1, {{64, 80}, {0, 0}, {16, 32}, {100, 101}}},
                     {1, 2, {{64, 80}, {16, 20}}},
                     {2, 3, {{199, 200}}}}});
}

TEST(CpuKernel, RowsThatNoSegmentHoldsAreZero) {
  const Tensors x = {
      random_tensor({4, 2, 8}, 1, at::kFloat), random_tensor({4, 2, 8}, 2, at::kFloat),
      random_tensor({4, 2, 8}, 3, at::kFloat), random_tensor({4, 2, 8}, 4, at::kFloat)};
  const Tensors got = run_attention(cpu_ops(), x, {{1, 3, {{1, 3}}}});
  for (const std::int64_t row : {0, 3}) {
    EXPECT_EQ(got[0][row].abs().max().item<float>(), 0);
    EXPECT_EQ(got[2][row].abs().max().item<float>(), 0);
    EXPECT_EQ(got[3][row].max().item<float>(), 1);  // what stood there
  }
}

// A query's result has the same bits whatever shares its batch: decoding equals training.
void expect_rows_independent_of_the_batch(std::int64_t head_dim) {
  const at::Tensor q = random_tensor({300, 6, head_dim}, 1, at::kFloat);
  const at::Tensor k = random_tensor({300, 2, head_dim}, 2, at::kFloat);
  const at::Tensor v = random_tensor({300, 2, head_dim}, 3, at::kFloat);
  const AttentionOutput whole = cpu_ops().span_attention(q, k, v, kGroup);
  for (const std::int64_t row : {0, 63, 64, 149, 150, 214, 299}) {
    AttentionSegment lone{0, 1, {}};
    for (const AttentionSegment& segment : kGroup) {
      if (row >= segment.query_begin && row < segment.query_end) {
        lone.keys = segment.keys;
        lone.keys.back().end = row + 1;
      }
    }
    const AttentionOutput alone = cpu_ops().span_attention(q.slice(0, row, row + 1).contiguous(), k,
                                                           v, std::vector<AttentionSegment>{lone});
    EXPECT_TRUE(alone.out[0].equal(whole.out[row])) << "row " << row << " of heads " << head_dim;
    EXPECT_TRUE(alone.lse[0].equal(whole.lse[row])) << "row " << row << " of heads " << head_dim;
  }
}

TEST(CpuKernel, AttentionOfARowDoesNotDependOnTheBatch) {
  for (const std::int64_t head_dim : {4, 20, 64}) {
    expect_rows_independent_of_the_batch(head_dim);
  }
}

TEST(CpuKernel, TokenLogprob) {
  for (const std::int64_t vocab : {1, 11, 64, 1003}) {
    for (const std::int64_t rows : {1, 300}) {
      at::Tensor targets = at::empty({rows}, at::TensorOptions().dtype(at::kLong));
      const auto ids = random_ids(rows, vocab, 5);
      std::copy(ids.begin(), ids.end(), targets.mutable_data_ptr<std::int64_t>());
      const Tensors inputs = {random_tensor({rows, 24}, 1), random_tensor({vocab, 24}, 2),
                              random_tensor({rows}, 3)};
      const OpRun run = [&](const OpTable& ops, const Tensors& x) {
        const TokenLogprobs forward = ops.token_logprob(x[0], x[1], targets, 0.8);
        const at::ScalarType wide = forward.lse.scalar_type();
        at::Tensor dhead = at::ones_like(x[1], wide);
        const at::Tensor dhidden =
            ops.token_logprob_backward(x[2].to(wide), {}, x[0], x[1], targets, forward, 0.8, dhead);
        return Tensors{forward.logprob, forward.entropy, forward.lse, dhidden, dhead};
      };
      expect_agreement(inputs, run, cpu_ops().reads_panels ? Threads::kSameBits : Threads::kNear);
      expect_sane_bfloat16(inputs, run, 0.2);
    }
  }
}

TEST(CpuKernel, TokenLogprobWithEntropy) {
  for (const std::int64_t vocab : {1, 11, 64, 1003}) {
    const std::int64_t rows = 20;
    at::Tensor targets = at::empty({rows}, at::TensorOptions().dtype(at::kLong));
    const auto ids = random_ids(rows, vocab, 5);
    std::copy(ids.begin(), ids.end(), targets.mutable_data_ptr<std::int64_t>());
    const Tensors inputs = {random_tensor({rows, 24}, 1), random_tensor({vocab, 24}, 2),
                            random_tensor({rows}, 3), random_tensor({rows}, 4)};
    const OpRun run = [&](const OpTable& ops, const Tensors& x) {
      const TokenLogprobs forward = ops.token_logprob(x[0], x[1], targets, 0.8);
      const at::ScalarType wide = forward.lse.scalar_type();
      at::Tensor dhead = at::ones_like(x[1], wide);
      const at::Tensor dhidden = ops.token_logprob_backward(x[2].to(wide), x[3].to(wide), x[0],
                                                            x[1], targets, forward, 0.8, dhead);
      return Tensors{dhidden, dhead};
    };
    expect_agreement(inputs, run, Threads::kNear);
  }
}

TEST(CpuKernel, ANanReachesTheResult) {
  const at::Tensor x = at::full({1, 64}, std::numeric_limits<double>::quiet_NaN(),
                                at::TensorOptions().dtype(at::kFloat));
  const at::Tensor one = at::ones_like(x);
  EXPECT_TRUE(std::isnan(cpu_ops().swiglu(x, one)[0][7].item<float>()));
  at::Tensor q = at::ones_like(x).view({1, 2, 32}).clone();
  q[0][1][3] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor k = at::ones_like(q);
  const AttentionOutput out =
      cpu_ops().span_attention(q, k, k, std::vector<AttentionSegment>{{0, 1, {{0, 1}}}});
  EXPECT_TRUE(std::isnan(out.out[0][1][0].item<float>()));
  EXPECT_FALSE(std::isnan(out.out[0][0][0].item<float>()));
}

}  // namespace
}  // namespace cogent::model
