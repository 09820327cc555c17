#include "core/model/transformer.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <numeric>
#include <string>

// Speed of the model at the shapes of GRPO, on the model that COGENT_MODEL names:
//   OMP_NUM_THREADS=2 COGENT_MODEL=PATH model_bench
namespace cogent::model {
namespace {

struct Loaded {
  Transformer model;
  ModelWeights weights;
};

const Loaded& loaded() {
  static const Loaded instance = [] {
    const char* path = std::getenv("COGENT_MODEL");
    const auto source = open_weights(path == nullptr ? "" : path);
    return Loaded{Transformer(source->config(), cpu_ops()), load_weights(*source)};
  }();
  return instance;
}

struct Batch {
  std::vector<std::int32_t> ids, positions;
  std::vector<AttentionSegment> segments;

  // Rows that follow the given spans, which hold `seen` tokens.
  RowSpan add(std::int64_t count, std::vector<RowSpan> spans = {}, std::int32_t seen = 0) {
    const auto begin = static_cast<std::int64_t>(ids.size());
    const RowSpan own{begin, begin + count};
    spans.push_back(own);
    segments.push_back({own.begin, own.end, spans});
    for (std::int64_t i = 0; i < count; ++i) {
      ids.push_back(static_cast<std::int32_t>((begin + i) * 7919 % 40000));
      positions.push_back(seen + static_cast<std::int32_t>(i));
    }
    return own;
  }
};

at::Tensor forward(const RowPlan& plan, KvCache* cache, std::vector<BlockActivations>* saved) {
  const auto& [model, weights] = loaded();
  at::Tensor x = model.embed(weights.units.front(), plan);
  for (std::size_t layer = 0; layer + 2 < weights.units.size(); ++layer) {
    x = model.block(static_cast<std::int64_t>(layer), weights.units[layer + 1], plan, x, cache,
                    saved == nullptr ? nullptr : &(*saved)[layer]);
  }
  return x;
}

void count_tokens(benchmark::State& state, std::int64_t rows) {
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(rows * state.iterations()),
                                                  benchmark::Counter::kIsRate);
}

// 8 prompts of 170 rows, without the head.
void prefill(benchmark::State& state) {
  Batch batch;
  for (int i = 0; i < 8; ++i) {
    batch.add(170);
  }
  const RowPlan plan = loaded().model.plan(batch.ids, batch.positions, batch.segments);
  for (auto _ : state) {
    benchmark::DoNotOptimize(forward(plan, nullptr, nullptr));
  }
  count_tokens(state, plan.rows());
}
BENCHMARK(prefill)->Unit(benchmark::kMillisecond)->UseRealTime();

// One token of each of 64 sequences, 8 to a prompt of 170 rows, 60 own rows in pages of 16; with
// logits.
void decode(benchmark::State& state) {
  const auto& [model, weights] = loaded();
  constexpr std::int64_t kSequences = 64;
  constexpr std::int64_t kPrompt = 170;
  constexpr std::int64_t kOwn = 64;
  std::vector<std::int32_t> ids(kSequences, 5), positions(kSequences, kPrompt + 60);
  std::vector<std::int64_t> cache_rows, rows(kSequences);
  std::vector<AttentionSegment> segments;
  std::iota(rows.begin(), rows.end(), 0);
  for (std::int64_t s = 0; s < kSequences; ++s) {
    const std::int64_t own = 8 * kPrompt + s * kOwn;
    const std::int64_t prompt = s / 8 * kPrompt;
    segments.push_back({s, s + 1, {{prompt, prompt + kPrompt}}});
    for (std::int64_t page = own; page < own + 60; page += 16) {
      segments.back().keys.push_back({page, std::min(page + 16, own + 61)});
    }
    cache_rows.push_back(own + 60);
  }
  const RowPlan plan = model.plan(ids, positions, segments, cache_rows);
  KvCache cache = make_kv_cache(model.config(), 8 * kPrompt + kSequences * kOwn);
  for (auto _ : state) {
    const at::Tensor x = forward(plan, &cache, nullptr);
    benchmark::DoNotOptimize(
        model.logits(weights.units.back(), weights.head_matrix(model.config()), x, rows));
  }
  count_tokens(state, kSequences);
}
BENCHMARK(decode)->Unit(benchmark::kMillisecond)->UseRealTime();

// Two groups of 8 completions of about 100 rows over a prompt of 170, forward and backward with the
// head at the completions' rows.
void train(benchmark::State& state) {
  const auto& [model, weights] = loaded();
  Batch batch;
  std::vector<std::int64_t> rows;
  for (int group = 0; group < 2; ++group) {
    const RowSpan prompt = batch.add(170);
    for (std::int64_t i = 0; i < 8; ++i) {
      const RowSpan own = batch.add(80 + 6 * i, {prompt}, 170);
      for (std::int64_t row = own.begin; row < own.end; ++row) {
        rows.push_back(row);
      }
    }
  }
  const RowPlan plan = model.plan(batch.ids, batch.positions, batch.segments);
  const std::vector<std::int32_t> targets(rows.size(), 11);
  const at::Tensor dlogprob = at::ones({static_cast<std::int64_t>(rows.size())});
  ModelWeights gradient = allocate_weights(model.units());
  at::Tensor dmatrix = gradient.head_matrix(model.config());
  const at::Tensor& matrix = weights.head_matrix(model.config());
  for (auto _ : state) {
    std::vector<BlockActivations> saved(weights.units.size() - 2);
    const at::Tensor x = forward(plan, nullptr, &saved);
    HeadActivations head;
    model.head(weights.units.back(), matrix, x, rows, targets, 1, &head);
    at::Tensor dx = model.head_backward(weights.units.back(), matrix, head, dlogprob, {},
                                        plan.rows(), gradient.units.back(), dmatrix);
    for (std::size_t layer = saved.size(); layer-- > 0;) {
      dx = model.block_backward(weights.units[layer + 1], plan, saved[layer], dx,
                                gradient.units[layer + 1]);
    }
    model.embed_backward(dx, plan, gradient.units.front());
  }
  count_tokens(state, plan.rows());
}
BENCHMARK(train)->Unit(benchmark::kMillisecond)->UseRealTime();

// What the linear layers alone reach: rows x 576 by 576 x 1536.
void linear(benchmark::State& state) {
  const at::Tensor x = at::ones({state.range(0), 576});
  const at::Tensor weight = at::ones({1536, 576});
  for (auto _ : state) {
    benchmark::DoNotOptimize(at::linear(x, weight));
  }
  state.counters["FLOP/s"] =
      benchmark::Counter(static_cast<double>(2 * state.range(0) * 576 * 1536 * state.iterations()),
                         benchmark::Counter::kIsRate);
}
BENCHMARK(linear)->Arg(64)->Arg(1360)->Arg(2000)->UseRealTime();

}  // namespace
}  // namespace cogent::model

BENCHMARK_MAIN();
