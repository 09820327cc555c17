#include "core/model/transformer.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <numeric>
#include <omp.h>
#include <optional>

namespace cogent::model {
namespace {

using namespace testing;

constexpr double kTemperature = 0.8;

std::vector<std::int64_t> range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(end - begin));
  std::iota(values.begin(), values.end(), begin);
  return values;
}

// Every parameter's gradient against another set's.
void expect_equal_gradients(const Transformer& model, const ModelWeights& got,
                            const ModelWeights& expected, double tolerance) {
  for (std::size_t u = 0; u < model.units().size(); ++u) {
    for (std::size_t p = 0; p < model.units()[u].parameters.size(); ++p) {
      EXPECT_LT(difference(got.units[u][p], expected.units[u][p]), tolerance)
          << model.units()[u].parameters[p].name;
      EXPECT_GT(expected.units[u][p].abs().max().item<double>(), 1e-6)
          << model.units()[u].parameters[p].name << " is not exercised";
    }
  }
}

// The gradient of sum(weight logprob) of one sequence by autograd through the naive model.
ModelWeights autograd_gradient(const ModelConfig& config, const ModelWeights& weights,
                               std::span<const std::int32_t> ids, const at::Tensor& weight) {
  ModelWeights leaves = allocate_weights(unit_specs(config), at::kDouble);
  for (std::size_t u = 0; u < leaves.units.size(); ++u) {
    for (std::size_t p = 0; p < leaves.units[u].size(); ++p) {
      leaves.units[u][p] = weights.units[u][p].detach().clone().requires_grad_(true);
    }
  }
  const at::Tensor logprobs = at::log_softmax(naive_logits(config, leaves, ids) / kTemperature, 1);
  at::Tensor loss = at::zeros_like(weight[0]);
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    loss = loss + weight[row] * logprobs[row][ids[i + 1]];
  }
  loss.backward();
  ModelWeights gradient = allocate_weights(unit_specs(config), at::kDouble);
  for (std::size_t u = 0; u < leaves.units.size(); ++u) {
    for (std::size_t p = 0; p < leaves.units[u].size(); ++p) {
      gradient.units[u][p].copy_(leaves.units[u][p].grad());
    }
  }
  return gradient;
}

struct Family {
  std::string name;
  ModelConfig config;
};

class TransformerGradient : public ::testing::TestWithParam<Family> {};

TEST_P(TransformerGradient, OfEveryParameterIsAutograds) {
  const ModelConfig& config = GetParam().config;
  const Transformer model(config, reference_ops());
  const ModelWeights weights = random_weights(config, 7);
  const std::vector<std::int32_t> ids = random_ids(9, config.vocab_size, 3);
  const auto rows = static_cast<std::int64_t>(ids.size());
  Packed packed;
  pack(packed, ids);
  const RowPlan plan = model.plan(packed.ids, packed.positions, packed.segments, {}, at::kDouble);
  const at::Tensor weight = random_tensor({rows - 1}, 5);

  const LossAndGradient got = loss_and_gradient(model, weights, plan, range(0, rows - 1),
                                                std::span(ids).subspan(1), weight, kTemperature);

  const at::Tensor x = forward(model, weights, plan);
  EXPECT_LT(
      difference(model.logits(weights.units.back(), weights.head_matrix(config), x, range(0, rows)),
                 naive_logits(config, weights, ids)),
      1e-11);
  expect_equal_gradients(model, got.gradient, autograd_gradient(config, weights, ids, weight),
                         1e-10);
}

TEST_P(TransformerGradient, InFloat32IsNearFloat64) {
  const ModelConfig& config = GetParam().config;
  const ModelWeights weights = random_weights(config, 7, at::kFloat);
  ModelWeights wide = allocate_weights(unit_specs(config), at::kDouble);
  for (std::size_t u = 0; u < wide.flat.size(); ++u) {
    wide.flat[u].copy_(weights.flat[u]);
  }
  Packed packed;
  pack(packed, random_ids(70, config.vocab_size, 3));
  pack(packed, random_ids(5, config.vocab_size, 4), 0);
  const std::vector<std::int32_t> targets = random_ids(20, config.vocab_size, 6);
  const at::Tensor weight = random_tensor({20}, 5);
  const auto run = [&](const OpTable& ops, const ModelWeights& w, at::ScalarType type) {
    const Transformer model(config, ops);
    return loss_and_gradient(model, w,
                             model.plan(packed.ids, packed.positions, packed.segments, {}, type),
                             range(55, 75), targets, weight.to(type), kTemperature);
  };
  const LossAndGradient got = run(cpu_ops(), weights, at::kFloat);
  const LossAndGradient expected = run(reference_ops(), wide, at::kDouble);
  EXPECT_LT(difference(got.logprob, expected.logprob), 1e-5);
  expect_equal_gradients(Transformer(config, cpu_ops()), got.gradient, expected.gradient, 2e-5);
}

// What `numerics: exact` adds up: one micro-batch's gradient of every unit. Enough rows for several
// chunks of the head, tiles of attention and blocks of the products; some ids and rows repeat.
TEST_P(TransformerGradient, HasTheSameBitsForAnyNumberOfThreads) {
  const ModelConfig& config = GetParam().config;
  const Transformer model(config, cpu_ops());
  if (!model.rows_are_independent()) {
    GTEST_SKIP() << "this CPU has no own kernels";
  }
  const ModelWeights weights = random_weights(config, 7, at::kFloat);
  Packed packed;
  pack(packed, random_ids(301, config.vocab_size, 3));
  pack(packed, random_ids(77, config.vocab_size, 4), 0);
  pack(packed, random_ids(5, config.vocab_size, 5), 0);
  const RowPlan plan = model.plan(packed.ids, packed.positions, packed.segments);
  std::vector<std::int64_t> rows = range(40, 383);
  rows.insert(rows.end(), {300, 300});
  const auto count = static_cast<std::int64_t>(rows.size());
  const std::vector<std::int32_t> targets = random_ids(count, config.vocab_size, 6);
  const at::Tensor weight = random_tensor({count}, 5, at::kFloat);
  const int usual = omp_get_max_threads();
  std::optional<LossAndGradient> first;
  for (const int threads : {1, 2, 3}) {
    omp_set_num_threads(threads);
    at::set_num_threads(threads);
    const LossAndGradient got =
        loss_and_gradient(model, weights, plan, rows, targets, weight, kTemperature);
    if (!first) {
      first = got;
    }
    EXPECT_TRUE(got.logprob.equal(first->logprob)) << threads << " threads";
    for (std::size_t unit = 0; unit < model.units().size(); ++unit) {
      EXPECT_TRUE(got.gradient.flat[unit].equal(first->gradient.flat[unit]))
          << model.units()[unit].name << " with " << threads << " threads";
    }
  }
  omp_set_num_threads(usual);
  at::set_num_threads(usual);
}

INSTANTIATE_TEST_SUITE_P(Families, TransformerGradient,
                         ::testing::Values(Family{"LlamaRatio3", llama_like({3, 1, 32})},
                                           Family{"LlamaRatio1", llama_like({2, 2, 64})},
                                           Family{"Qwen2Ratio8", qwen2_like({8, 1, 32})},
                                           Family{"Qwen3Ratio2", qwen3_like({4, 2, 128})},
                                           Family{"LlamaBiases",
                                                  llama_with_all_biases({6, 2, 32})}),
                         [](const auto& family) { return family.param.name; });

// A prompt with three completions in one pack, against each sequence on its own.
TEST(SharedPrompt, GradientsAreTheSumOfSeparateSequences) {
  const ModelConfig config = qwen3_like({4, 2, 16});
  const Transformer model(config, reference_ops());
  const ModelWeights weights = random_weights(config, 7);
  const std::vector<std::int32_t> prompt = random_ids(11, config.vocab_size, 1);
  Packed shared;
  pack(shared, prompt);
  ModelWeights separate = allocate_weights(model.units(), at::kDouble);
  std::vector<std::int64_t> rows;
  std::vector<std::int32_t> targets;
  std::vector<double> weight, separate_logprobs;
  for (const std::int64_t length : {1, 4, 7}) {
    const auto completion =
        random_ids(length, config.vocab_size, static_cast<std::uint64_t>(length));
    const auto begin = static_cast<std::int64_t>(shared.ids.size());
    pack(shared, completion, 0);
    Packed alone;
    std::vector<std::int32_t> ids = prompt;
    ids.insert(ids.end(), completion.begin(), completion.end());
    pack(alone, ids);
    const at::Tensor part = random_tensor({length}, static_cast<std::uint64_t>(length) + 50);
    const LossAndGradient one = loss_and_gradient(
        model, weights, model.plan(alone.ids, alone.positions, alone.segments, {}, at::kDouble),
        range(10, 10 + length), completion, part);
    for (std::size_t u = 0; u < separate.flat.size(); ++u) {
      separate.flat[u] += one.gradient.flat[u];
    }
    for (std::int64_t i = 0; i < length; ++i) {
      // The first completion token is predicted by the prompt's last row, which is shared.
      rows.push_back(i == 0 ? 10 : begin + i - 1);
      targets.push_back(completion[static_cast<std::size_t>(i)]);
      weight.push_back(part[i].item<double>());
      separate_logprobs.push_back(one.logprob[i].item<double>());
    }
  }
  const auto n = static_cast<std::int64_t>(weight.size());
  at::Tensor dlogprob = random_tensor({n}, 0);
  std::copy(weight.begin(), weight.end(), dlogprob.mutable_data_ptr<double>());
  const LossAndGradient got = loss_and_gradient(
      model, weights, model.plan(shared.ids, shared.positions, shared.segments, {}, at::kDouble),
      rows, targets, dlogprob);
  for (std::int64_t i = 0; i < n; ++i) {
    EXPECT_NEAR(got.logprob[i].item<double>(), separate_logprobs[static_cast<std::size_t>(i)],
                1e-11);
  }
  expect_equal_gradients(model, got.gradient, separate, 1e-10);
}

}  // namespace
}  // namespace cogent::model
