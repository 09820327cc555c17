#include "core/model/panels.hpp"
#include "core/model/transformer.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <numeric>
#include <string>

// Speed of the model at the shapes of GRPO, on the model that COGENT_MODEL names:
//   OMP_NUM_THREADS=2 COGENT_MODEL=PATH model_bench
namespace cogent::model {
namespace {

struct Loaded {
  Transformer model;
  ModelWeights weights;  // in panels
};

const Loaded& loaded() {
  static const Loaded instance = [] {
    const char* path = std::getenv("COGENT_MODEL");
    const auto source = open_weights(path == nullptr ? "" : path);
    Loaded made{Transformer(source->config(), cpu_ops()), load_weights(*source)};
    for (std::size_t unit = 0; unit < made.weights.units.size(); ++unit) {
      move_to_panels(made.model, unit, made.weights.units[unit]);
    }
    return made;
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

void count_flops(benchmark::State& state, double flops) {
  state.counters["FLOP/s"] = benchmark::Counter(flops * static_cast<double>(state.iterations()),
                                                benchmark::Counter::kIsRate);
}

// Values of all blocks' matrices.
double block_values() {
  double values = 0;
  const std::vector<UnitTensors>& units = loaded().weights.units;
  for (std::size_t unit = 1; unit + 1 < units.size(); ++unit) {
    for (const at::Tensor& parameter : units[unit]) {
      values += parameter.dim() >= 2 ? static_cast<double>(parameter.numel()) : 0;
    }
  }
  return values;
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
// head at the completions' rows. FLOP/s counts the linear layers: two a value and row forward, four
// backward.
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
  count_flops(state, 6 * (block_values() * static_cast<double>(plan.rows()) +
                          static_cast<double>(matrix.numel()) * static_cast<double>(rows.size())));
}
BENCHMARK(train)->Unit(benchmark::kMillisecond)->UseRealTime();

// A forward's linear layers with nothing between them: all blocks' matrices, state.range(0) rows.
void multiply_all(benchmark::State& state,
                  at::Tensor (*multiply)(const at::Tensor& x, const at::Tensor& weight)) {
  std::map<std::int64_t, at::Tensor> inputs;  // by columns
  std::vector<at::Tensor> matrices;
  const std::vector<UnitTensors>& units = loaded().weights.units;
  for (std::size_t unit = 1; unit + 1 < units.size(); ++unit) {
    for (const at::Tensor& parameter : units[unit]) {
      if (parameter.dim() >= 2) {
        matrices.push_back(parameter);
        inputs[parameter.size(1)] = at::ones({state.range(0), parameter.size(1)});
      }
    }
  }
  for (auto _ : state) {
    for (const at::Tensor& matrix : matrices) {
      benchmark::DoNotOptimize(multiply(inputs.at(matrix.size(1)), matrix));
    }
  }
  count_flops(state, 2 * block_values() * static_cast<double>(state.range(0)));
}

void products_own(benchmark::State& state) {
  multiply_all(state, [](const at::Tensor& x, const at::Tensor& weight) {
    return cpu_ops().linear(x, weight, {});
  });
}
BENCHMARK(products_own)->Arg(64)->Arg(1360)->Unit(benchmark::kMillisecond)->UseRealTime();

// libtorch's, of the same sizes: the values in panels, read as if they were rows.
void products_libtorch(benchmark::State& state) {
  multiply_all(state, [](const at::Tensor& x, const at::Tensor& weight) {
    return at::linear(x, weight.view({-1, weight.size(1)}));
  });
}
BENCHMARK(products_libtorch)->Arg(64)->Arg(1360)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace cogent::model

BENCHMARK_MAIN();
