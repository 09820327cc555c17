#include "core/model/kernels/cpu/gemm.hpp"

#include "core/base/hash.hpp"
#include "core/model/panels.hpp"
#include "tests/unit/model/gemm_testing.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <omp.h>
#include <span>
#include <vector>

namespace cogent::model {
namespace {

using cpu::ChainStart;
using cpu::GemmShape;
using testing::numbers;
using testing::packed;
using testing::scalar_chains;
using Kernel = testing::GemmKernel<float>;

std::vector<Kernel> kernels() {
  return testing::gemm_kernels<float>();
}

// Every remainder of the tiles: rows around 6 and 12 and the row block, columns around the panel,
// depths around the prefetch distance and the depth block.
TEST(Gemm, HasTheBitsOfScalarChains) {
  for (const Kernel& kernel : kernels()) {
    if (!kernel.supported) {
      std::cout << "this CPU lacks " << kernel.name << ": that kernel is not run\n";
      continue;
    }
    for (const std::int64_t m : {1, 2, 3, 5, 6, 7, 11, 12, 13, 97, 203}) {
      for (const std::int64_t n : {1, 15, 16, 17, 32, 49}) {
        for (const std::int64_t k : {1, 7, 8, 9, 191, 192, 200, 577}) {
          const GemmShape shape{m, n, k};
          const std::vector<float> a = numbers(m * k, 1);
          const std::vector<float> w = numbers(n * k, 2);
          const std::vector<float> panels = packed(w, n, k);
          const std::vector<float> zero(static_cast<std::size_t>(m * n), 0.0F);
          std::vector<float> c(zero.size(), NAN);
          kernel.run(shape, cpu::rows_of(a.data(), k), panels.data(), {}, c.data());
          ASSERT_EQ(c, scalar_chains(shape, a, w, zero))
              << kernel.name << ' ' << m << ' ' << n << ' ' << k;
        }
      }
    }
  }
}

// More panels than a chunk holds, for one thread and for two.
TEST(Gemm, HasTheBitsOfScalarChainsInManyPanels) {
  const GemmShape shape{7, 1700, 200};
  const std::vector<float> a = numbers(shape.m * shape.k, 1);
  const std::vector<float> w = numbers(shape.n * shape.k, 2);
  const std::vector<float> panels = packed(w, shape.n, shape.k);
  const std::vector<float> zero(static_cast<std::size_t>(shape.m * shape.n), 0.0F);
  const std::vector<float> expected = scalar_chains(shape, a, w, zero);
  const int before = omp_get_max_threads();
  for (const Kernel& kernel : kernels()) {
    for (const int threads : {1, 2}) {
      omp_set_num_threads(threads);
      if (!kernel.supported) {
        continue;  // HasTheBitsOfScalarChains says so
      }
      std::vector<float> c(zero.size(), NAN);
      kernel.run(shape, cpu::rows_of(a.data(), shape.k), panels.data(), {}, c.data());
      EXPECT_EQ(c, expected) << kernel.name << ' ' << threads;
    }
  }
  omp_set_num_threads(before);
}

TEST(Gemm, BeginsAtTheBiasOrTheResult) {
  const GemmShape shape{13, 35, 50};
  const std::vector<float> a = numbers(shape.m * shape.k, 1);
  const std::vector<float> w = numbers(shape.n * shape.k, 2);
  const std::vector<float> bias = numbers(shape.n, 3);
  const std::vector<float> panels = packed(w, shape.n, shape.k);
  std::vector<float> start;
  for (std::int64_t i = 0; i < shape.m; ++i) {
    start.insert(start.end(), bias.begin(), bias.end());
  }
  const std::vector<float> expected = scalar_chains(shape, a, w, start);
  for (const Kernel& kernel : kernels()) {
    if (!kernel.supported) {
      continue;
    }
    std::vector<float> c(start.size(), NAN);
    kernel.run(shape, cpu::rows_of(a.data(), shape.k), panels.data(),
               {ChainStart::At::kBias, bias.data()}, c.data());
    EXPECT_EQ(c, expected) << kernel.name;
    c = start;
    kernel.run(shape, cpu::rows_of(a.data(), shape.k), panels.data(),
               {ChainStart::At::kResult, nullptr}, c.data());
    EXPECT_EQ(c, expected) << kernel.name;
  }
}

// A transposed A, as weight gradients read it, and any number of threads.
class GemmOfThreads : public ::testing::TestWithParam<GemmShape> {};

TEST_P(GemmOfThreads, BitsDoNotDependOnStridesOrThreads) {
  const GemmShape shape = GetParam();
  const std::vector<float> a = numbers(shape.m * shape.k, 1);
  std::vector<float> by_column(a.size());
  for (std::int64_t i = 0; i < shape.m; ++i) {
    for (std::int64_t k = 0; k < shape.k; ++k) {
      by_column[static_cast<std::size_t>(k * shape.m + i)] =
          a[static_cast<std::size_t>(i * shape.k + k)];
    }
  }
  const std::vector<float> w = numbers(shape.n * shape.k, 2);
  const std::vector<float> panels = packed(w, shape.n, shape.k);
  const std::vector<float> zero(static_cast<std::size_t>(shape.m * shape.n), 0.0F);
  const std::vector<float> expected = scalar_chains(shape, a, w, zero);
  const int before = omp_get_max_threads();
  for (const int threads : {1, 2, 3, 7}) {
    omp_set_num_threads(threads);
    std::vector<float> c(zero.size(), NAN);
    cpu::gemm_panels(shape, cpu::transposed(cpu::rows_of(by_column.data(), shape.m)), panels.data(),
                     {}, c.data());
    EXPECT_EQ(c, expected) << threads << " threads";
  }
  omp_set_num_threads(before);
}

// The bits are the same on every machine: the hash is committed.

// Threads share the panels of the first, the rows of the others: where they are many, where panels
// are few.
INSTANTIATE_TEST_SUITE_P(Shapes, GemmOfThreads,
                         ::testing::Values(GemmShape{100, 400, 300}, GemmShape{1400, 70, 200},
                                           GemmShape{101, 20, 300}));

TEST(Gemm, CommittedBits) {
  const GemmShape shape{70, 144, 576};
  const std::vector<float> a = numbers(shape.m * shape.k, 1);
  const std::vector<float> panels = packed(numbers(shape.n * shape.k, 2), shape.n, shape.k);
  for (const Kernel& kernel : kernels()) {
    if (kernel.supported) {
      std::vector<float> c(static_cast<std::size_t>(shape.m * shape.n));
      kernel.run(shape, cpu::rows_of(a.data(), shape.k), panels.data(), {}, c.data());
      EXPECT_EQ(hex64(xxh3(std::as_bytes(std::span(c)))), "8d79c8f19e91ba90") << kernel.name;
    }
  }
}

TEST(Panels, OrdersOfTheSameValues) {
  const std::int64_t n = 48;
  const std::int64_t k = 35;
  const std::vector<float> w = numbers(n * k, 4);
  const std::vector<float> panels = packed(w, n, k);
  std::vector<float> in_place = w;
  cpu::rows_to_panels(in_place.data(), n, k);
  EXPECT_EQ(in_place, panels);
  cpu::panels_to_rows(in_place.data(), n, k);
  EXPECT_EQ(in_place, w);

  std::vector<float> expected(static_cast<std::size_t>(cpu::panels_of(k) * cpu::kPanel * n));
  cpu::pack_panels(cpu::transposed(cpu::rows_of(w.data(), k)), k, n, expected.data());
  std::vector<float> transposed(expected.size(), NAN);
  cpu::transpose_panels(panels.data(), n, k, transposed.data());
  EXPECT_EQ(transposed, expected);
}

// Outside the scope the weights are what they were, inside they compute the same bits.
TEST(Panels, AScopeChangesNoBits) {
  if (!cpu_ops().reads_panels) {
    GTEST_SKIP() << "this CPU lacks AVX2 and FMA: no op reads panels";
  }
  for (const std::string name : {"random:hidden=48,heads=3,kv_heads=1,head_dim=16,vocab=320",
                                 "random:hidden=64,intermediate=100,tied=0,vocab=320,seed=2",
                                 "random:family=qwen2,hidden=64,vocab=320,seed=3"}) {
    const auto source = open_weights(name);
    const Transformer model(source->config(), cpu_ops());
    ModelWeights weights = load_weights(*source);
    const ModelWeights before = load_weights(*source);
    const std::vector<std::int32_t> ids = {3, 14, 15, 9, 2, 6, 5};
    const std::vector<float> expected = sequence_logprobs(model, weights, ids);
    const RowPlan plan =
        model.plan(ids, std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6}, {{0, 7, {{0, 7}}}});
    const auto gradient = [&] {
      return testing::loss_and_gradient(model, weights, plan, std::vector<std::int64_t>{2, 5, 6},
                                        std::vector<std::int32_t>{7, 8, 9},
                                        testing::random_tensor({3}, 5, at::kFloat))
          .gradient;
    };
    const ModelWeights expected_gradient = gradient();
    {
      const PanelScope outer(model, weights);
      EXPECT_EQ(weights.head_matrix(model.config()).dim(), 3) << name;
      const PanelScope inner(model, weights);
      EXPECT_EQ(sequence_logprobs(model, weights, ids), expected) << name;
      const ModelWeights in_panels = gradient();
      for (std::size_t unit = 0; unit < in_panels.flat.size(); ++unit) {
        EXPECT_TRUE(in_panels.flat[unit].equal(expected_gradient.flat[unit])) << name << unit;
      }
    }
    for (std::size_t unit = 0; unit < weights.flat.size(); ++unit) {
      EXPECT_TRUE(weights.flat[unit].equal(before.flat[unit])) << name;
      for (std::size_t p = 0; p < weights.units[unit].size(); ++p) {
        EXPECT_EQ(weights.units[unit][p].sizes(), before.units[unit][p].sizes()) << name;
      }
    }
  }
}

}  // namespace
}  // namespace cogent::model
