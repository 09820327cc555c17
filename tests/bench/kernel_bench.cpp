#include "core/model/ops/ops.hpp"
#include "trainer/adamw.hpp"

#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <immintrin.h>
#include <omp.h>
#include <span>
#include <vector>

// Every op of cpu_ops() but the matrix products (gemm_bench), and AdamW, at the shapes of
// SmolLM2-135M, beside what the machine gives in the same run:
//   OMP_NUM_THREADS=2 kernel_bench
// GB/s are of what an op must read and write, to be read beside copy and triad of as many bytes;
// GFLOP/s are of its arithmetic, beside fma. tests/bench/roofline.py draws both.
namespace cogent::model {
namespace {

constexpr std::int64_t kRows = 1360;  // 8 prompts of 170 tokens
constexpr std::int64_t kHidden = 576;
constexpr std::int64_t kIntermediate = 1536;
constexpr std::int64_t kHeads = 9;
constexpr std::int64_t kKvHeads = 3;
constexpr std::int64_t kHeadDim = 64;
constexpr std::int64_t kVocab = 49152;
constexpr std::int64_t kPromptRows = 170;

// Of one call.
struct Work {
  std::int64_t bytes = 0;  // read and written, each value once
  double flops = 0;        // additions and multiplications; kExponential for an exponential
};

// An exponential's polynomial and the steps around it.
constexpr double kExponential = 24;

void report(benchmark::State& state, const Work& work) {
  const auto rate = [&](double of_a_call) {
    return benchmark::Counter(of_a_call * static_cast<double>(state.iterations()) / 1e9,
                              benchmark::Counter::kIsRate);
  };
  if (work.bytes > 0) {
    state.counters["GB/s"] = rate(static_cast<double>(work.bytes));
  }
  if (work.flops > 0) {
    state.counters["GFLOP/s"] = rate(work.flops);
  }
}

std::int64_t bytes_of(const at::Tensor& tensor) {
  return static_cast<std::int64_t>(tensor.nbytes());
}

// The machine's limits.

// to = from. Arg: MB in all.
void copy(benchmark::State& state) {
  const std::int64_t count = state.range(0) * (1 << 20) / 8;
  std::vector<float> from(static_cast<std::size_t>(count), 1.0F), to(from);
  for (auto _ : state) {
    const float* const x = from.data();
    float* const y = to.data();
#pragma omp parallel for simd schedule(static)
    for (std::int64_t i = 0; i < count; ++i) {
      y[i] = x[i];
    }
    benchmark::ClobberMemory();
  }
  report(state, {.bytes = 2 * count * 4});
}
BENCHMARK(copy)->Arg(6)->Arg(24)->Arg(512)->UseRealTime();

// a = b + 3 c. Arg: MB in all.
void triad(benchmark::State& state) {
  const std::int64_t count = state.range(0) * (1 << 20) / 12;
  std::vector<float> a(static_cast<std::size_t>(count), 1.0F), b(a), c(a);
  for (auto _ : state) {
    float* const to = a.data();
    const float* const x = b.data();
    const float* const y = c.data();
#pragma omp parallel for simd schedule(static)
    for (std::int64_t i = 0; i < count; ++i) {
      to[i] = x[i] + 3 * y[i];
    }
    benchmark::ClobberMemory();
  }
  report(state, {.bytes = 3 * count * 4});
}
BENCHMARK(triad)->Arg(6)->Arg(24)->Arg(512)->UseRealTime();

constexpr int kChains = 12;      // independent ones: more than latency times width of any core
constexpr int kLinks = 1 << 18;  // half a millisecond: beside it the threads' start is nothing

__attribute__((target("avx2,fma"))) float fma_chains_avx2() {
  __m256 sums[kChains];
  for (int i = 0; i < kChains; ++i) {
    sums[i] = _mm256_set1_ps(static_cast<float>(i));
  }
  const __m256 x = _mm256_set1_ps(0.5F);
  for (int link = 0; link < kLinks; ++link) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      sums[i] = _mm256_fmadd_ps(sums[i], x, x);
    }
  }
  float total = 0;
  for (const __m256& sum : sums) {
    total += _mm256_cvtss_f32(sum);
  }
  return total;
}

__attribute__((target("avx512f"))) float fma_chains_avx512() {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; ++i) {
    sums[i] = _mm512_set1_ps(static_cast<float>(i));
  }
  const __m512 x = _mm512_set1_ps(0.5F);
  for (int link = 0; link < kLinks; ++link) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      sums[i] = _mm512_fmadd_ps(sums[i], x, x);
    }
  }
  float total = 0;
  for (const __m512& sum : sums) {
    total += _mm512_cvtss_f32(sum);
  }
  return total;
}

// Fused multiply-adds in registers, on all threads, by the widest vectors that the kernels use.
void fma(benchmark::State& state) {
  const bool wide = __builtin_cpu_supports("avx512f") != 0;
  if (!wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) {
    state.SkipWithError("this CPU lacks AVX2 and FMA");
    return;
  }
  int threads = 1;
  for (auto _ : state) {
#pragma omp parallel
    {
      benchmark::DoNotOptimize(wide ? fma_chains_avx512() : fma_chains_avx2());
#pragma omp single nowait
      threads = omp_get_num_threads();
    }
  }
  report(state, {.flops = 2.0 * threads * kChains * kLinks * (wide ? 16 : 8)});
}
BENCHMARK(fma)->UseRealTime();

// The ops.

void rmsnorm(benchmark::State& state) {
  const at::Tensor x = at::randn({kRows, kHidden});
  const at::Tensor weight = at::randn({kHidden});
  for (auto _ : state) {
    benchmark::DoNotOptimize(cpu_ops().rmsnorm(x, weight, 1e-5));
  }
  report(state, {2 * bytes_of(x), 4.0 * kRows * kHidden});
}
BENCHMARK(rmsnorm)->UseRealTime();

void rmsnorm_backward(benchmark::State& state) {
  const at::Tensor x = at::randn({kRows, kHidden});
  const at::Tensor dout = at::randn({kRows, kHidden});
  const at::Tensor weight = at::randn({kHidden});
  at::Tensor dweight = at::zeros_like(weight);
  for (auto _ : state) {
    benchmark::DoNotOptimize(cpu_ops().rmsnorm_backward(dout, x, weight, 1e-5, dweight));
  }
  report(state, {3 * bytes_of(x), 12.0 * kRows * kHidden});
}
BENCHMARK(rmsnorm_backward)->UseRealTime();

void rope(benchmark::State& state) {
  const at::Tensor x = at::randn({kRows, kHeads, kHeadDim});
  const at::Tensor cos = at::randn({kRows, kHeadDim / 2});
  const at::Tensor sin = at::randn({kRows, kHeadDim / 2});
  for (auto _ : state) {
    benchmark::DoNotOptimize(cpu_ops().rope(x, cos, sin));
  }
  report(state, {2 * bytes_of(x) + 2 * bytes_of(cos), 3.0 * kRows * kHeads * kHeadDim});
}
BENCHMARK(rope)->UseRealTime();

void swiglu(benchmark::State& state) {
  const at::Tensor gate = at::randn({kRows, kIntermediate});
  const at::Tensor up = at::randn({kRows, kIntermediate});
  for (auto _ : state) {
    benchmark::DoNotOptimize(cpu_ops().swiglu(gate, up));
  }
  report(state, {3 * bytes_of(gate), (kExponential + 4) * kRows * kIntermediate});
}
BENCHMARK(swiglu)->UseRealTime();

void swiglu_backward(benchmark::State& state) {
  const at::Tensor gate = at::randn({kRows, kIntermediate});
  const at::Tensor up = at::randn({kRows, kIntermediate});
  const at::Tensor dout = at::randn({kRows, kIntermediate});
  at::Tensor dgate = at::zeros_like(gate);
  at::Tensor dup = at::zeros_like(gate);
  for (auto _ : state) {
    cpu_ops().swiglu_backward(dout, gate, up, dgate, dup);
  }
  // dgate and dup are added to.
  report(state, {7 * bytes_of(gate), (kExponential + 12) * kRows * kIntermediate});
}
BENCHMARK(swiglu_backward)->UseRealTime();

// Prompts of kPromptRows rows, each causal in itself.
struct Attention {
  at::Tensor q = at::randn({kRows, kHeads, kHeadDim});
  at::Tensor k = at::randn({kRows, kKvHeads, kHeadDim});
  at::Tensor v = at::randn({kRows, kKvHeads, kHeadDim});
  std::vector<AttentionSegment> segments;
  double pair_flops = 0;  // of one product over all pairs of a query and a key that it sees

  Attention() {
    for (std::int64_t begin = 0; begin < kRows; begin += kPromptRows) {
      segments.push_back({begin, begin + kPromptRows, {{begin, begin + kPromptRows}}});
      pair_flops += static_cast<double>(kPromptRows * (kPromptRows + 1) * kHeads * kHeadDim);
    }
  }
};

void span_attention(benchmark::State& state) {
  const Attention at;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cpu_ops().span_attention(at.q, at.k, at.v, at.segments).out);
  }
  // Scores, output.
  report(state, {2 * bytes_of(at.q) + 2 * bytes_of(at.k), 2 * at.pair_flops});
}
BENCHMARK(span_attention)->UseRealTime();

void span_attention_backward(benchmark::State& state) {
  const Attention at;
  const at::Tensor dout = at::randn({kRows, kHeads, kHeadDim});
  const AttentionOutput forward = cpu_ops().span_attention(at.q, at.k, at.v, at.segments);
  at::Tensor dk = at::zeros_like(at.k);
  at::Tensor dv = at::zeros_like(at.v);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        cpu_ops().span_attention_backward(dout, at.q, at.k, at.v, forward, at.segments, dk, dv));
  }
  // Scores again, dv, dscores, dq, dk.
  report(state, {4 * bytes_of(at.q) + 6 * bytes_of(at.k), 5 * at.pair_flops});
}
BENCHMARK(span_attention_backward)->UseRealTime();

void token_logprob(benchmark::State& state) {
  const at::Tensor hidden = at::randn({256, kHidden});
  const at::Tensor head = at::randn({kVocab, kHidden});
  const at::Tensor targets = at::randint(kVocab, {256}, at::kLong);
  for (auto _ : state) {
    benchmark::DoNotOptimize(cpu_ops().token_logprob(hidden, head, targets, 0.9).logprob);
  }
  report(state, {bytes_of(hidden) + bytes_of(head), 2.0 * 256 * kVocab * kHidden});
}
BENCHMARK(token_logprob)->UseRealTime();

void token_logprob_backward(benchmark::State& state) {
  const at::Tensor hidden = at::randn({256, kHidden});
  const at::Tensor head = at::randn({kVocab, kHidden});
  const at::Tensor targets = at::randint(kVocab, {256}, at::kLong);
  const at::Tensor dlogprob = at::randn({256});
  const TokenLogprobs forward = cpu_ops().token_logprob(hidden, head, targets, 0.9);
  at::Tensor dhead = at::zeros_like(head);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        cpu_ops().token_logprob_backward(dlogprob, {}, hidden, head, targets, forward, 0.9, dhead));
  }
  // Logits again, dhidden, dhead, which is added to.
  report(state, {2 * bytes_of(hidden) + 3 * bytes_of(head), 3 * 2.0 * 256 * kVocab * kHidden});
}
BENCHMARK(token_logprob_backward)->UseRealTime();

// The log-probabilities of one row of logits, as sampling has them.
void row_logprob(benchmark::State& state) {
  const at::Tensor logits = at::randn({kVocab});
  const std::span<const float> row(logits.const_data_ptr<float>(),
                                   static_cast<std::size_t>(kVocab));
  for (auto _ : state) {
    benchmark::DoNotOptimize(cpu_ops().row_logprob(row, 17, 0.9));
  }
  report(state, {bytes_of(logits), (kExponential + 4) * kVocab});
}
BENCHMARK(row_logprob)->UseRealTime();

// As the learner calls it: leaves of 16 rows, shared among the threads.
void adamw(benchmark::State& state) {
  constexpr std::int64_t kLeaf = 16 * kHidden;
  constexpr std::int64_t kLeaves = 2048;
  const auto make = [] { return std::vector<float>(kLeaf * kLeaves, 0.01F); };
  std::vector<float> weights = make(), gradient = make(), exp_avg = make(), exp_avg_sq = make();
  const trainer::AdamWStep step = trainer::adamw_step({}, 1e-5, 1, 1);
  for (auto _ : state) {
#pragma omp parallel for schedule(static)
    for (std::int64_t leaf = 0; leaf < kLeaves; ++leaf) {
      const auto part = [&](std::vector<float>& values) {
        return std::span(values).subspan(static_cast<std::size_t>(leaf * kLeaf), kLeaf);
      };
      trainer::adamw_update(step, part(weights), part(gradient), part(exp_avg), part(exp_avg_sq));
    }
  }
  // Four read, three written.
  report(state, {7 * kLeaf * kLeaves * 4, 15.0 * kLeaf * kLeaves});
}
BENCHMARK(adamw)->UseRealTime();

}  // namespace
}  // namespace cogent::model

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) {
    return 2;
  }
  const c10::InferenceMode inference;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
