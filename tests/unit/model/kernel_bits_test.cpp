#include "core/base/hash.hpp"
#include "core/base/philox.hpp"
#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/logarithm.hpp"
#include "tests/unit/model/scalar_kernels.hpp"
#include "tests/unit/model/vec8_probe.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

// The kernels give the bits of plain scalar code, and that code gives committed ones: so does every
// machine, whatever its vectors.
namespace cogent::model {
namespace {

using testing::scalar::Values;

bool has_kernels() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#define NEEDS_KERNELS()                                               \
  if (!has_kernels()) {                                               \
    GTEST_SKIP() << "this CPU lacks AVX2 and FMA: no kernel can run"; \
  }

Values numbers(std::int64_t count, std::uint32_t which, float scale = 1) {
  Values values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double uniform =
        draw_uniform({.seed = 11, .step = which, .prompt = static_cast<std::uint32_t>(i)});
    values[i] = static_cast<float>(2 * uniform - 1) * scale;
  }
  return values;
}

std::string hash(const Values& values) {
  return hex64(xxh3(std::as_bytes(std::span(values))));
}

std::string hash(const std::vector<Values>& rows) {
  Values all;
  for (const Values& row : rows) {
    all.insert(all.end(), row.begin(), row.end());
  }
  return hash(all);
}

TEST(KernelBits, RmsNorm) {
  for (const std::int64_t n : {1, 7, 16, 24, 576}) {
    constexpr std::int64_t kRows = 5;
    const Values x = numbers(kRows * n, 1, 3);
    const Values weight = numbers(n, 2);
    const Values dy = numbers(kRows * n, 3);
    const Values y = testing::scalar::rmsnorm(x, weight, 1e-5F);
    const auto gradient = testing::scalar::rmsnorm_gradient(dy, x, weight, 1e-5F, numbers(n, 4));
    if (n == 576) {
      EXPECT_EQ(hash(y), "cc06a476b198a691");
      EXPECT_EQ(hash({gradient.dx, gradient.dweight}), "f7163b17dba03126");
    }
    if (has_kernels()) {
      Values got(y.size()), dx(y.size()), inverse(kRows), dweight = numbers(n, 4);
      cpu::rmsnorm_forward(x.data(), weight.data(), 1e-5F, kRows, n, got.data());
      EXPECT_EQ(got, y) << n;
      cpu::rmsnorm_gradient(dy.data(), x.data(), weight.data(), 1e-5F, kRows, n, inverse.data(),
                            dx.data(), dweight.data());
      EXPECT_EQ(dx, gradient.dx) << n;
      EXPECT_EQ(dweight, gradient.dweight) << n;
    }
  }
}

TEST(KernelBits, Rope) {
  constexpr std::int64_t kRows = 3;
  constexpr std::int64_t kHeads = 2;
  for (const std::int64_t half : {1, 4, 5, 32}) {
    const Values x = numbers(kRows * kHeads * 2 * half, 1);
    const Values cos = numbers(kRows * half, 2);
    const Values sin = numbers(kRows * half, 3);
    for (const float direction : {1.0F, -1.0F}) {
      const Values y = testing::scalar::rope(x, cos, sin, direction, kRows, kHeads);
      if (half == 32 && direction == 1) {
        EXPECT_EQ(hash(y), "8210fde3b149dc57");
      }
      if (has_kernels()) {
        Values got(y.size());
        cpu::rope_rotate(x.data(), cos.data(), sin.data(), direction, kRows, kHeads, half,
                         got.data());
        EXPECT_EQ(got, y) << half;
      }
    }
  }
}

TEST(KernelBits, SwiGlu) {
  for (const std::int64_t n : {1, 8, 13, 4099}) {
    const Values gate = numbers(n, 1, 20);
    const Values up = numbers(n, 2);
    const Values dy = numbers(n, 3);
    const Values y = testing::scalar::swiglu(gate, up);
    const auto gradient =
        testing::scalar::swiglu_gradient(dy, gate, up, {numbers(n, 4), numbers(n, 5)});
    if (n == 4099) {
      EXPECT_EQ(hash(y), "a5a3fc40300c0b89");
      EXPECT_EQ(hash({gradient.dgate, gradient.dup}), "faa788a4bab80b17");
    }
    if (has_kernels()) {
      Values got(y.size()), dgate = numbers(n, 4), dup = numbers(n, 5);
      cpu::swiglu_forward(gate.data(), up.data(), n, got.data());
      EXPECT_EQ(got, y) << n;
      cpu::swiglu_gradient(dy.data(), gate.data(), up.data(), n, dgate.data(), dup.data());
      EXPECT_EQ(dgate, gradient.dgate) << n;
      EXPECT_EQ(dup, gradient.dup) << n;
    }
  }
}

TEST(KernelBits, SoftmaxOfLogits) {
  constexpr float kScale = 1 / 0.9F;
  for (const std::int64_t vocab : {1, 8, 11, 1003}) {
    const Values logits = numbers(vocab, 1, 12);
    const std::int64_t target = vocab / 2;
    const auto expected = testing::scalar::softmax_statistics(logits, target, kScale);
    const Values gradient =
        testing::scalar::softmax_gradient(logits, target, expected.lse, 0.7F, kScale);
    if (vocab == 1003) {
      EXPECT_EQ(hash({expected.logprob, expected.entropy, expected.lse}), "1e274b6b13a79cc9");
      EXPECT_EQ(hash(gradient), "80c4be7d66637b03");
    }
    if (has_kernels()) {
      testing::scalar::Statistics got;
      cpu::softmax_statistics(logits.data(), &target, kScale, 1, vocab, &got.logprob, &got.entropy,
                              &got.lse);
      EXPECT_EQ(got.logprob, expected.logprob) << vocab;
      EXPECT_EQ(got.entropy, expected.entropy) << vocab;
      EXPECT_EQ(got.lse, expected.lse) << vocab;
      Values in_place = logits;
      const float dlogprob = 0.7F;
      cpu::softmax_gradient(in_place.data(), &target, &expected.lse, &dlogprob, kScale, 1, vocab);
      EXPECT_EQ(in_place, gradient) << vocab;
    }
  }
}

// One kv head with two query heads: query vector i is head i % 2 of row i / 2.
struct AttentionCase {
  std::int64_t head_dim;
  std::int64_t rows;
  std::int64_t first_visible;
  std::vector<cpu::KeyRun> runs;
};
constexpr std::int64_t kRatio = 2;

std::vector<Values> cut(const Values& flat, std::int64_t width) {
  std::vector<Values> rows;
  for (auto at = flat.begin(); at != flat.end(); at += width) {
    rows.emplace_back(at, at + width);
  }
  return rows;
}

Values joined(const std::vector<Values>& rows) {
  Values flat;
  for (const Values& row : rows) {
    flat.insert(flat.end(), row.begin(), row.end());
  }
  return flat;
}

struct AttentionInputs {
  explicit AttentionInputs(const AttentionCase& c)
      : vectors(c.rows * kRatio),
        q(numbers(vectors * c.head_dim, 1, 2)),
        dout(numbers(vectors * c.head_dim, 2)),
        k(numbers(kPool * c.head_dim, 3, 2)),
        v(numbers(kPool * c.head_dim, 4)) {
    for (const cpu::KeyRun& run : c.runs) {
      for (std::int64_t row = run.begin; row < run.end; ++row) {
        pool_rows.push_back(static_cast<std::size_t>(row));
      }
    }
    for (const std::size_t row : pool_rows) {
      keys.push_back(cut(k, c.head_dim)[row]);
      values.push_back(cut(v, c.head_dim)[row]);
    }
    for (std::int64_t i = 0; i < vectors; ++i) {
      visible.push_back(c.first_visible + i / kRatio);
    }
  }
  static constexpr std::int64_t kPool = 300;
  std::int64_t vectors;
  Values q, dout, k, v;
  std::vector<std::size_t> pool_rows;
  std::vector<Values> keys, values;  // that the last row sees, in order
  std::vector<std::int64_t> visible;
};

std::vector<testing::scalar::Attention> scalar_forward(const AttentionCase& c,
                                                       const AttentionInputs& in) {
  std::vector<testing::scalar::Attention> forward;
  const std::vector<Values> queries = cut(in.q, c.head_dim);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    forward.push_back(
        testing::scalar::attention(queries[i], {in.keys.begin(), in.keys.begin() + in.visible[i]},
                                   {in.values.begin(), in.values.begin() + in.visible[i]}));
  }
  return forward;
}

std::vector<AttentionCase> attention_cases() {
  return {{8, 1, 1, {{7, 8}}},
          {16, 1, 150, {{32, 48}, {0, 0}, {64, 160}, {200, 238}}},
          {64, 40, 25, {{10, 30}, {100, 144}}},
          {40, 70, 64, {{0, 64}, {80, 149}}}};
}

// Of sizes that whole vectors do not fill, or that whole groups of vectors do not.
std::vector<AttentionCase> attention_cases_of_other_sizes() {
  return {{4, 40, 25, {{10, 30}, {100, 144}}},
          {12, 70, 64, {{0, 64}, {80, 149}}},
          {20, 1, 150, {{32, 48}, {0, 0}, {64, 160}, {200, 238}}},
          {80, 40, 25, {{10, 30}, {100, 144}}},
          {96, 35, 30, {{0, 64}}},
          {106, 9, 64, {{5, 77}}}};
}

// The hash of what the scalar code gives, to which the kernel is held.
std::string forward_hash(const std::vector<AttentionCase>& cases) {
  Values all;
  for (const AttentionCase& c : cases) {
    const AttentionInputs in(c);
    Values out, lse;
    for (const auto& query : scalar_forward(c, in)) {
      out.insert(out.end(), query.out.begin(), query.out.end());
      lse.push_back(query.lse);
    }
    all.insert(all.end(), out.begin(), out.end());
    if (has_kernels()) {
      std::vector<cpu::AttentionTile> tiles;
      for (std::int64_t begin = 0; begin < in.vectors; begin += cpu::kForwardTile) {
        tiles.push_back({c.runs.data(), 0, c.first_visible, begin,
                         std::min(begin + cpu::kForwardTile, in.vectors), 0});
      }
      Values got(out.size()), got_lse(lse.size());
      cpu::attention_forward({1, kRatio, c.head_dim}, tiles.data(),
                             static_cast<std::int64_t>(tiles.size()), in.q.data(), in.k.data(),
                             in.v.data(), got.data(), got_lse.data());
      EXPECT_EQ(got, out) << c.head_dim;
      EXPECT_EQ(got_lse, lse) << c.head_dim;
    }
  }
  return hash(all);
}

TEST(KernelBits, Attention) {
  EXPECT_EQ(forward_hash(attention_cases()), "969f686121098ee4");
  EXPECT_EQ(forward_hash(attention_cases_of_other_sizes()), "fb20c85bae98e4ec");
}

std::string gradient_hash(const std::vector<AttentionCase>& cases) {
  std::vector<Values> all;
  for (const AttentionCase& c : cases) {
    const AttentionInputs in(c);
    const auto forward = scalar_forward(c, in);
    const auto expected = testing::scalar::attention_gradient(
        cut(in.dout, c.head_dim), cut(in.q, c.head_dim), forward, in.visible, in.keys, in.values);
    for (const std::vector<Values>& part : {expected.dq, expected.dkeys, expected.dvalues}) {
      all.push_back(joined(part));
    }
    if (has_kernels()) {
      Values out, lse;
      for (const auto& query : forward) {
        out.insert(out.end(), query.out.begin(), query.out.end());
        lse.push_back(query.lse);
      }
      const cpu::AttentionTile tile{c.runs.data(), 0, c.first_visible, 0, in.vectors, 0};
      Values dq(in.q.size()), dk(in.keys.size() * static_cast<std::size_t>(c.head_dim)),
          dv(dk.size());
      cpu::attention_gradient({1, kRatio, c.head_dim}, &tile, 1, in.dout.data(), in.q.data(),
                              in.k.data(), in.v.data(), out.data(), lse.data(), dq.data(),
                              dk.data(), dv.data());
      EXPECT_EQ(dq, joined(expected.dq)) << c.head_dim;
      EXPECT_EQ(dk, joined(expected.dkeys)) << c.head_dim;
      EXPECT_EQ(dv, joined(expected.dvalues)) << c.head_dim;
    }
  }
  return hash(all);
}

TEST(KernelBits, AttentionGradient) {
  EXPECT_EQ(gradient_hash(attention_cases()), "786648a9183d4ea3");
  EXPECT_EQ(gradient_hash(attention_cases_of_other_sizes()), "23897a4281526db4");
}

// Distance of a float from the exact value, in units of the float's last place.
double ulps(float got, double exact) {
  const float near = static_cast<float>(exact);
  const double unit =
      std::abs(static_cast<double>(std::nextafter(near, INFINITY)) - static_cast<double>(near));
  return std::abs(static_cast<double>(got) - exact) / unit;
}

// Every `stride`-th float, from one bit pattern on. The whole range takes minutes
// (COGENT_ALL_FLOATS in the environment): by default a prime leaves out most.
std::uint32_t stride() {
  return std::getenv("COGENT_ALL_FLOATS") != nullptr ? 1 : 9973;
}

TEST(KernelBits, ExponentialOfAllFloats) {
  NEEDS_KERNELS();
  constexpr std::size_t kBatch = 4096;
  std::array<float, kBatch> x{}, y{};
  std::size_t filled = 0;
  double worst = 0;
  const auto flush = [&] {
    testing::vector_exponentials(x.data(), kBatch, y.data());
    for (std::size_t i = 0; i < filled; ++i) {
      const double value = static_cast<double>(x[i]);
      ASSERT_EQ(y[i], testing::scalar::exponential(x[i])) << x[i];
      if (value < -87.3) {
        ASSERT_EQ(y[i], 0) << x[i];
      } else if (value <= 88.3) {
        worst = std::max(worst, ulps(y[i], std::exp(value)));
      }
    }
    filled = 0;
  };
  for (std::uint64_t bits = 0; bits <= 0xffffffffU; bits += stride()) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (!std::isnan(value)) {
      x[filled++] = value;
    }
    if (filled == kBatch) {
      ASSERT_NO_FATAL_FAILURE(flush());
    }
  }
  ASSERT_NO_FATAL_FAILURE(flush());
  EXPECT_LE(worst, 2);
  RecordProperty("worst_ulp", std::to_string(worst));
}

TEST(KernelBits, LogarithmOfAllFloats) {
  double worst = 0;
  for (std::uint32_t bits = 0x00800000; bits < 0x7f800000; bits += stride()) {
    const float x = std::bit_cast<float>(bits);
    worst = std::max(worst, x == 1 ? std::abs(static_cast<double>(cpu::logarithm(x)))
                                   : ulps(cpu::logarithm(x), std::log(static_cast<double>(x))));
  }
  EXPECT_LE(worst, 1);
  EXPECT_EQ(cpu::logarithm(1), 0);
  EXPECT_EQ(cpu::logarithm(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(cpu::logarithm(NAN)));
  RecordProperty("worst_ulp", std::to_string(worst));
}

}  // namespace
}  // namespace cogent::model
