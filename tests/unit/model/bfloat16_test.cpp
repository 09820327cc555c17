// bfloat16 weights: every op, and the whole model, give the bits that float32 weights of the same
// values give.
#include "core/base/hash.hpp"
#include "core/model/kernels/cpu/linear.hpp"
#include "core/model/panels.hpp"
#include "core/model/weights/number_formats.hpp"
#include "tests/unit/model/gemm_testing.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <iostream>
#include <limits>
#include <omp.h>
#include <span>
#include <vector>

namespace cogent::model {
namespace {

using cpu::Bfloat16Bits;
using cpu::ChainStart;
using cpu::GemmShape;
using testing::numbers;
using testing::packed;
using testing::random_ids;
using testing::random_tensor;
using testing::scalar_chains;

std::vector<Bfloat16Bits> rounded(const std::vector<float>& values) {
  std::vector<Bfloat16Bits> bits;
  for (const float value : values) {
    bits.push_back(float_to_bfloat16(value));
  }
  return bits;
}

std::vector<float> widened(const std::vector<Bfloat16Bits>& bits) {
  std::vector<float> values;
  for (const Bfloat16Bits value : bits) {
    values.push_back(bfloat16_to_float(value));
  }
  return values;
}

// Rows around the tiles, around those from which on a block is widened once, and around the row
// block; columns around the panel, depths around the prefetch distance and the depth block.
TEST(GemmBfloat16, HasTheBitsOfTheWidenedWeights) {
  for (const auto& kernel : testing::gemm_kernels<Bfloat16Bits>()) {
    if (!kernel.supported) {
      std::cout << "this CPU lacks " << kernel.name << ": that kernel is not run\n";
      continue;
    }
    for (const std::int64_t m : {1, 2, 5, 6, 7, 11, 12, 13, 42, 43, 84, 85, 97, 203}) {
      for (const std::int64_t n : {1, 15, 16, 17, 32, 49}) {
        for (const std::int64_t k : {1, 7, 8, 9, 191, 192, 200, 577}) {
          const GemmShape shape{m, n, k};
          const std::vector<float> a = numbers(m * k, 1);
          const std::vector<Bfloat16Bits> w = rounded(numbers(n * k, 2));
          const std::vector<float> zero(static_cast<std::size_t>(m * n), 0.0F);
          std::vector<float> c(zero.size(), NAN);
          kernel.run(shape, cpu::rows_of(a.data(), k), packed(w, n, k).data(), {}, c.data());
          ASSERT_EQ(c, scalar_chains(shape, a, widened(w), zero))
              << kernel.name << ' ' << m << ' ' << n << ' ' << k;
        }
      }
    }
  }
}

// Infinities, subnormal numbers and zeros of both signs are widened as they are.
TEST(GemmBfloat16, WidensEveryKindOfNumber) {
  const std::vector<Bfloat16Bits> w = {0x0000, 0x8000, 0x0001, 0x8001, 0x007F, 0x0080,
                                       0x7F7F, 0xFF7F, 0x7F80, 0xFF80, 0x3F80, 0xBF81,
                                       0x4049, 0x0100, 0x7F00, 0x1234};
  const GemmShape shape{1, 16, 1};
  const std::vector<float> one = {1.0F};
  const std::vector<float> start(16, -0.0F);
  for (const auto& kernel : testing::gemm_kernels<Bfloat16Bits>()) {
    if (kernel.supported) {
      std::vector<float> c = start;
      kernel.run(shape, cpu::rows_of(one.data(), 1), packed(w, 16, 1).data(),
                 {ChainStart::At::kResult, nullptr}, c.data());
      EXPECT_EQ(rounded(c), w) << kernel.name;
    }
  }
}

TEST(GemmBfloat16, BitsDoNotDependOnThreadsStridesOrWhereTheChainsBegin) {
  const GemmShape shape{100, 1715, 200};  // more panels than a chunk holds, the last one not full
  const std::vector<float> a = numbers(shape.k * shape.m, 1);  // [k, m]
  const std::vector<Bfloat16Bits> w = rounded(numbers(shape.n * shape.k, 2));
  const std::vector<Bfloat16Bits> panels = packed(w, shape.n, shape.k);
  const std::vector<float> wide_panels = packed(widened(w), shape.n, shape.k);
  const std::vector<float> bias = numbers(shape.n, 3);
  const cpu::MatrixView columns = cpu::transposed(cpu::rows_of(a.data(), shape.m));
  const int before = omp_get_max_threads();
  for (const ChainStart start : {ChainStart{}, ChainStart{ChainStart::At::kBias, bias.data()},
                                 ChainStart{ChainStart::At::kResult, nullptr}}) {
    const std::vector<float> result = numbers(shape.m * shape.n, 4);
    std::vector<float> expected = result;
    cpu::gemm_panels(shape, columns, wide_panels.data(), start, expected.data());
    for (const int threads : {1, 2, 3, 7}) {
      omp_set_num_threads(threads);
      std::vector<float> c = result;
      cpu::gemm_panels(shape, columns, panels.data(), start, c.data());
      EXPECT_EQ(c, expected) << threads << " threads";
    }
    omp_set_num_threads(before);
  }
}

// The bits are the same on every machine, and those of the float32 kernels: the hash is committed.
template <typename Weight>
void expect_committed_bits(const std::vector<float>& a, const std::vector<Weight>& w,
                           const GemmShape& shape) {
  for (const auto& kernel : testing::gemm_kernels<Weight>()) {
    if (kernel.supported) {
      std::vector<float> c(static_cast<std::size_t>(shape.m * shape.n));
      kernel.run(shape, cpu::rows_of(a.data(), shape.k), packed(w, shape.n, shape.k).data(), {},
                 c.data());
      EXPECT_EQ(hex64(xxh3(std::as_bytes(std::span(c)))), "c7b2334721650dc8") << kernel.name;
    }
  }
}

TEST(GemmBfloat16, CommittedBits) {
  const GemmShape shape{70, 144, 576};
  const std::vector<float> a = numbers(shape.m * shape.k, 1);
  const std::vector<Bfloat16Bits> w = rounded(numbers(shape.n * shape.k, 2));
  expect_committed_bits(a, w, shape);
  expect_committed_bits(a, widened(w), shape);
}

TEST(Bfloat16Panels, OrdersOfTheSameValues) {
  const std::int64_t n = 48;
  const std::int64_t k = 35;
  const std::vector<Bfloat16Bits> w = rounded(numbers(n * k, 4));
  const std::vector<Bfloat16Bits> panels = packed(w, n, k);
  std::vector<Bfloat16Bits> in_place = w;
  cpu::rows_to_panels(in_place.data(), n, k);
  EXPECT_EQ(in_place, panels);
  EXPECT_EQ(widened(panels), packed(widened(w), n, k));
  std::vector<Bfloat16Bits> transposed(
      static_cast<std::size_t>(cpu::panels_of(k) * cpu::kPanel * n));
  cpu::transpose_panels(panels.data(), n, k, transposed.data());
  std::vector<float> expected(transposed.size());
  cpu::pack_panels(cpu::transposed(cpu::rows_of(widened(w).data(), k)), k, n, expected.data());
  EXPECT_EQ(widened(transposed), expected);
  cpu::panels_to_rows(in_place.data(), n, k);
  EXPECT_EQ(in_place, w);
}

// The one rounding of a run is that of an export.
TEST(RoundWeights, ToTheNearestTiesToEven) {
  std::vector<float> values = numbers(100000, 5);
  for (const std::uint32_t bits :
       {0x3F808000U, 0x3F818000U, 0x3F808001U, 0x00000001U, 0x00008000U, 0x80018000U, 0x7F7FFFFFU,
        0xFF800000U, 0x80000000U, 0x7F800001U, 0xFFC12345U}) {
    values.push_back(std::bit_cast<float>(bits));
  }
  const at::Tensor to = at::empty({static_cast<std::int64_t>(values.size())},
                                  at::TensorOptions().dtype(at::kBFloat16));
  round_weights(values, to);
  const auto* const bits = static_cast<const std::uint16_t*>(to.const_data_ptr());
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(bits[i], float_to_bfloat16(values[i])) << values[i];
    // In double the two neighbours' distances are exact.
    const double kept = static_cast<double>(bfloat16_to_float(bits[i]));
    const double value = static_cast<double>(values[i]);
    if (std::isfinite(kept)) {
      for (const int step : {-1, 1}) {
        const auto other = static_cast<std::uint16_t>(bits[i] + step);
        const double distance = std::abs(static_cast<double>(bfloat16_to_float(other)) - value);
        ASSERT_TRUE(!(distance < std::abs(kept - value))) << value;
        ASSERT_TRUE(distance != std::abs(kept - value) || bits[i] % 2 == 0) << value;
      }
    }
  }
}

// Runs of every op with a weight, whose results must not depend on the weight's type.
std::vector<at::Tensor> run_ops(const OpTable& ops, const at::Tensor& matrix,
                                const at::Tensor& vector, const at::Tensor& head) {
  const std::int64_t in = cpu::column_count(matrix);
  const std::int64_t out = cpu::row_count(matrix);
  const std::int64_t rows = 9;
  const at::Tensor x = random_tensor({rows, in}, 1, at::kFloat);
  const at::Tensor dout = random_tensor({rows, out}, 2, at::kFloat);
  const at::Tensor ids = random_tensor({rows}, 3).abs().to(at::kLong);
  const at::Tensor dlogprob = random_tensor({rows}, 4, at::kFloat);
  at::Tensor dweight = at::zeros({out, in}, at::kFloat);
  at::Tensor dbias = at::zeros({out}, at::kFloat);
  at::Tensor dnorm = at::zeros({out}, at::kFloat);
  at::Tensor dhead = at::zeros({cpu::row_count(head), in}, at::kFloat);
  const TokenLogprobs logprobs = ops.token_logprob(x, head, ids, 0.8);
  return {ops.embedding(head, ids).to(at::kFloat),
          ops.linear(x, matrix, {}),
          ops.linear(x, matrix, vector),
          ops.linear_backward(dout, x, matrix, dweight, dbias),
          ops.rmsnorm(dout, vector, 1e-5),
          ops.rmsnorm_backward(dout, dout, vector, 1e-5, dnorm),
          logprobs.logprob,
          logprobs.entropy,
          ops.token_logprob_backward(dlogprob, {}, x, head, ids, logprobs, 0.8, dhead),
          dweight,
          dbias,
          dnorm,
          dhead};
}

at::Tensor in_panels(const at::Tensor& matrix) {
  return cpu::panels_of_weight(matrix);
}

TEST(Bfloat16Weights, OpsGiveTheBitsOfTheWidenedWeights) {
  const at::Tensor matrix = random_tensor({32, 48}, 5, at::kBFloat16);
  const at::Tensor vector = random_tensor({32}, 6, at::kBFloat16);
  const at::Tensor head = random_tensor({80, 48}, 7, at::kBFloat16);
  for (const OpTable* ops : {&reference_ops(), &cpu_ops()}) {
    const auto expected =
        run_ops(*ops, matrix.to(at::kFloat), vector.to(at::kFloat), head.to(at::kFloat));
    auto got = run_ops(*ops, matrix, vector, head);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(got[i].scalar_type(), at::kFloat) << ops->name << ", result " << i;
      EXPECT_TRUE(got[i].equal(expected[i])) << ops->name << ", result " << i;
    }
    if (ops->reads_panels) {
      got = run_ops(*ops, in_panels(matrix), vector, in_panels(head));
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_TRUE(got[i].equal(expected[i])) << ops->name << " in panels, result " << i;
      }
    }
  }
}

class Bfloat16Model : public ::testing::TestWithParam<const char*> {
 protected:
  Bfloat16Model()
      : source_(open_weights(GetParam())),
        rounded_(load_weights(*source_, at::kBFloat16)),
        widened_(load_weights(*source_)) {
    for (std::size_t unit = 0; unit < widened_.flat.size(); ++unit) {
      widened_.flat[unit].copy_(rounded_.flat[unit]);
    }
  }

  std::unique_ptr<WeightSource> source_;
  ModelWeights rounded_, widened_;
};

TEST_P(Bfloat16Model, IsTheModelOfTheWidenedWeights) {
  const std::vector<std::int32_t> ids = {3, 14, 15, 9, 2, 6, 5};
  for (const OpTable* ops : {&reference_ops(), &cpu_ops()}) {
    const Transformer model(source_->config(), *ops);
    const RowPlan plan =
        model.plan(ids, std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6}, {{0, 7, {{0, 7}}}});
    const auto gradient = [&](const ModelWeights& weights) {
      return testing::loss_and_gradient(model, weights, plan, std::vector<std::int64_t>{2, 5, 6},
                                        std::vector<std::int32_t>{7, 8, 9},
                                        random_tensor({3}, 5, at::kFloat))
          .gradient;
    };
    const auto expected = sequence_logprobs(model, widened_, ids);
    const ModelWeights expected_gradient = gradient(widened_);
    const auto compare = [&](const char* order) {
      EXPECT_EQ(sequence_logprobs(model, rounded_, ids), expected) << ops->name << order;
      const ModelWeights got = gradient(rounded_);
      for (std::size_t unit = 0; unit < got.flat.size(); ++unit) {
        EXPECT_EQ(got.flat[unit].scalar_type(), at::kFloat);
        EXPECT_TRUE(got.flat[unit].equal(expected_gradient.flat[unit]))
            << ops->name << order << ", unit " << unit;
      }
    };
    compare(" in rows");
    {
      const PanelScope panels(model, rounded_);
      EXPECT_EQ(rounded_.units[1][1].dim(), ops->reads_panels ? 3 : 2);
      compare(" in panels");
    }
    for (std::size_t unit = 0; unit < widened_.flat.size(); ++unit) {
      EXPECT_TRUE(rounded_.flat[unit].to(at::kFloat).equal(widened_.flat[unit])) << "as before";
    }
  }
}

// Tied and untied, biases, q/k norms, matrices whose rows are no multiple of a panel.
INSTANTIATE_TEST_SUITE_P(
    Families, Bfloat16Model,
    ::testing::Values("random:hidden=48,heads=3,kv_heads=1,head_dim=16,vocab=320",
                      "random:hidden=64,intermediate=100,tied=0,vocab=321,seed=2",
                      "random:family=qwen2,hidden=64,vocab=320,seed=3",
                      "random:family=qwen3,hidden=64,heads=4,kv_heads=2,head_dim=24,vocab=320,"
                      "seed=4"));

}  // namespace
}  // namespace cogent::model
