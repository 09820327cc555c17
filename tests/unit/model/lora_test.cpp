// Adapters beside frozen weights: against peft, against autograd through the naive model with the
// product merged in, and in their bits.
#include "core/base/files.hpp"
#include "core/model/adapted_weights.hpp"
#include "core/model/weights/merged_weights.hpp"
#include "core/model/weights/peft.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <omp.h>
#include <optional>

namespace cogent::model {
namespace {

using namespace testing;

constexpr double kTemperature = 0.8;

std::filesystem::path fixtures() {
  const char* folder = std::getenv("COGENT_FIXTURES");
  return folder == nullptr ? "tests/fixtures" : folder;
}

LoraConfig lora_of(const std::vector<std::string>& targets, std::int64_t rank = 3) {
  return {.rank = rank, .alpha = 2, .targets = lora_targets(targets, "targets")};
}

// Random base and adapter, the adapter's parameters behind their unit's.
ModelWeights random_adapted(const Transformer& model, std::uint64_t seed, at::ScalarType type) {
  ModelWeights weights = random_weights(model.config(), seed, type);
  ModelWeights adapter = allocate_weights(model.trained_units(), type);
  for (std::size_t unit = 0; unit < weights.units.size(); ++unit) {
    for (at::Tensor& parameter : adapter.units[unit]) {
      parameter.copy_(random_tensor(parameter.sizes().vec(), ++seed + 100, at::kDouble, 0.2));
      weights.units[unit].push_back(parameter);
    }
  }
  weights.adapter = std::move(adapter.flat);
  return weights;
}

// The base in the same memory: a forward without an adapter's parameters has it off.
ModelWeights without_adapter(const Transformer& model, const ModelWeights& weights) {
  ModelWeights base{weights.flat, weights.units, {}};
  for (std::size_t unit = 0; unit < base.units.size(); ++unit) {
    base.units[unit].resize(model.units()[unit].parameters.size());
  }
  return base;
}

// The gradient of the adapter alone: undefined tensors in front of it.
struct AdapterGradient {
  at::Tensor logprob;
  std::vector<UnitTensors> units;
};
AdapterGradient adapter_gradient(const Transformer& model, const ModelWeights& weights,
                                 const RowPlan& plan, std::span<const std::int64_t> rows,
                                 std::span<const std::int32_t> targets,
                                 const at::Tensor& dlogprob) {
  AdapterGradient result;
  for (std::size_t unit = 0; unit < weights.units.size(); ++unit) {
    UnitTensors& gradient = result.units.emplace_back(model.units()[unit].parameters.size());
    for (const ParameterSpec& parameter : model.trained_units()[unit].parameters) {
      gradient.push_back(
          at::zeros({parameter.rows, parameter.cols}, weights.flat.front().options()));
    }
  }
  std::vector<BlockActivations> saved(static_cast<std::size_t>(model.config().num_layers));
  at::Tensor x = model.embed(weights.units.front(), plan);
  for (std::size_t layer = 0; layer < saved.size(); ++layer) {
    x = model.block(static_cast<std::int64_t>(layer), weights.units[layer + 1], plan, x, nullptr,
                    &saved[layer]);
  }
  const at::Tensor& matrix = weights.head_matrix(model.config());
  HeadActivations head;
  result.logprob =
      model.head(weights.units.back(), matrix, x, rows, targets, kTemperature, &head).logprob;
  at::Tensor frozen;
  at::Tensor dx = model.head_backward(weights.units.back(), matrix, head, dlogprob, {}, plan.rows(),
                                      result.units.back(), frozen);
  for (std::size_t layer = saved.size(); layer-- > 0;) {
    dx = model.block_backward(weights.units[layer + 1], plan, saved[layer], dx,
                              result.units[layer + 1]);
  }
  model.embed_backward(dx, plan, result.units.front());
  return result;
}

struct Case {
  std::string name;
  ModelConfig config;
  LoraConfig lora;
};

class LoraGradient : public ::testing::TestWithParam<Case> {};

// Leaves A and B of an autograd graph whose linear layers multiply by W + s B A.
TEST_P(LoraGradient, OfAAndBIsAutograds) {
  const auto& [name, config, lora] = GetParam();
  const Transformer model(config, reference_ops(), lora);
  const ModelWeights weights = random_adapted(model, 7, at::kDouble);
  const std::vector<std::int32_t> ids = random_ids(9, config.vocab_size, 3);
  const auto count = static_cast<std::int64_t>(ids.size()) - 1;
  Packed packed;
  pack(packed, ids);
  const at::Tensor dlogprob = random_tensor({count}, 5);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  const AdapterGradient got = adapter_gradient(
      model, weights, model.plan(packed.ids, packed.positions, packed.segments, {}, at::kDouble),
      rows, std::span(ids).subspan(1), dlogprob);

  ModelWeights merged = without_adapter(model, weights);
  std::vector<UnitTensors> leaves(weights.units.size());
  for (std::size_t unit = 0; unit < weights.units.size(); ++unit) {
    const auto& frozen = model.units()[unit].parameters;
    const auto& trained = model.trained_units()[unit].parameters;
    for (std::size_t p = 0; p < trained.size(); p += 2) {
      UnitTensors& pair = leaves[unit];
      pair.push_back(weights.units[unit][frozen.size() + p].detach().clone().requires_grad_(true));
      pair.push_back(
          weights.units[unit][frozen.size() + p + 1].detach().clone().requires_grad_(true));
      const std::string layer = trained[p].name.substr(
          std::string("base_model.model.").size(),
          trained[p].name.size() - std::string("base_model.model.lora_A.weight").size());
      for (std::size_t i = 0; i < frozen.size(); ++i) {
        if (frozen[i].name == layer + "weight") {
          merged.units[unit][i] =
              merged.units[unit][i] + lora.scale() * pair[p + 1].matmul(pair[p]);
        }
      }
    }
  }
  const at::Tensor logprobs = at::log_softmax(naive_logits(config, merged, ids) / kTemperature, 1);
  at::Tensor loss = at::zeros({}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i) {
    const at::Tensor logprob = logprobs[i][ids[static_cast<std::size_t>(i) + 1]];
    EXPECT_NEAR(got.logprob[i].item<double>(), logprob.item<double>(), 1e-11);
    loss = loss + dlogprob[i] * logprob;
  }
  loss.backward();
  std::size_t compared = 0;
  for (std::size_t unit = 0; unit < leaves.size(); ++unit) {
    const std::size_t frozen = model.units()[unit].parameters.size();
    for (std::size_t p = 0; p < leaves[unit].size(); ++p, ++compared) {
      EXPECT_LT(difference(got.units[unit][frozen + p], leaves[unit][p].grad()), 1e-10)
          << model.trained_units()[unit].parameters[p].name;
      EXPECT_GT(leaves[unit][p].grad().abs().max().item<double>(), 1e-6);
    }
  }
  EXPECT_GE(compared, 8U);
}

TEST_P(LoraGradient, InFloat32IsNearFloat64AndHasTheSameBitsForAnyNumberOfThreads) {
  const auto& [name, config, lora] = GetParam();
  const Transformer model(config, cpu_ops(), lora);
  const ModelWeights weights = random_adapted(model, 7, at::kFloat);
  Packed packed;
  pack(packed, random_ids(151, config.vocab_size, 3));
  pack(packed, random_ids(77, config.vocab_size, 4), 0);
  std::vector<std::int64_t> rows(120);
  std::iota(rows.begin(), rows.end(), 100);
  const std::vector<std::int32_t> targets = random_ids(120, config.vocab_size, 6);
  const at::Tensor dlogprob = random_tensor({120}, 5);
  const auto gradient_of = [&](const Transformer& one, const ModelWeights& w, at::ScalarType type) {
    return adapter_gradient(one, w,
                            one.plan(packed.ids, packed.positions, packed.segments, {}, type), rows,
                            targets, dlogprob.to(type));
  };
  const Transformer wide_model(config, reference_ops(), lora);
  ModelWeights wide = random_adapted(wide_model, 7, at::kDouble);
  for (std::size_t unit = 0; unit < wide.units.size(); ++unit) {
    for (std::size_t p = 0; p < wide.units[unit].size(); ++p) {
      wide.units[unit][p].copy_(weights.units[unit][p]);
    }
  }
  const AdapterGradient expected = gradient_of(wide_model, wide, at::kDouble);
  std::optional<AdapterGradient> first;
  const int usual = omp_get_max_threads();
  for (const int threads : {1, 2, 3}) {
    omp_set_num_threads(threads);
    at::set_num_threads(threads);
    const AdapterGradient got = gradient_of(model, weights, at::kFloat);
    first = first ? first : got;
    for (std::size_t unit = 0; unit < got.units.size(); ++unit) {
      for (std::size_t p = model.units()[unit].parameters.size(); p < got.units[unit].size(); ++p) {
        EXPECT_LT(difference(got.units[unit][p], expected.units[unit][p]), 2e-5);
        EXPECT_TRUE(!model.rows_are_independent() ||
                    got.units[unit][p].equal(first->units[unit][p]))
            << threads << " threads, unit " << unit;
      }
    }
  }
  omp_set_num_threads(usual);
  at::set_num_threads(usual);
}

TEST_P(LoraGradient, AnAdapterThatIsOffIsTheBaseBitByBit) {
  const auto& [name, config, lora] = GetParam();
  const Transformer adapted(config, cpu_ops(), lora);
  const Transformer plain(config, cpu_ops());
  const ModelWeights weights = random_adapted(adapted, 7, at::kFloat);
  const std::vector<std::int32_t> ids = random_ids(40, config.vocab_size, 3);
  const auto base = sequence_logprobs(plain, random_weights(config, 7, at::kFloat), ids);
  const ModelWeights off = without_adapter(adapted, weights);
  EXPECT_EQ(sequence_logprobs(adapted, off, ids), base);
  EXPECT_NE(sequence_logprobs(adapted, weights, ids), base);
}

INSTANTIATE_TEST_SUITE_P(
    Families, LoraGradient,
    ::testing::Values(
        Case{"LlamaAll", llama_like({3, 1, 32}), lora_of({"all-linear"})},
        Case{"LlamaWideRank", llama_like({2, 2, 64}), lora_of({"all-linear"}, 33)},
        Case{"Qwen2Some", qwen2_like({8, 1, 32}), lora_of({"q_proj", "v_proj", "down_proj"})},
        Case{"Qwen3Some", qwen3_like({4, 2, 16}), lora_of({"k_proj", "o_proj", "gate_proj"}, 16)},
        Case{"LlamaBiases", llama_with_all_biases({6, 2, 32}), lora_of({"all-linear"}, 1)}),
    [](const auto& param) { return param.param.name; });

class PeftParity : public ::testing::TestWithParam<const char*> {};

// Beside the base and merged into it, in both op tables.
TEST_P(PeftParity, LogprobsAndLogits) {
  const std::filesystem::path folder = fixtures() / "peft" / GetParam();
  const boost::json::value root =
      boost::json::parse(read_file(folder / "cases.json", ErrorCode::kData));
  const std::string base =
      (fixtures() / "models" / std::string(root.at("base").as_string())).string();
  const auto source = open_weights(base);
  const Adapter adapter = open_peft_adapter(folder, source->config());
  for (const OpTable* ops : {&reference_ops(), &cpu_ops()}) {
    const Transformer adapted(source->config(), *ops, adapter.lora);
    const Transformer plain(source->config(), *ops);
    const ModelWeights beside = load_adapted(adapted, *source, adapter);
    const ModelWeights merged = load_weights(*merge_adapter(open_weights(base), adapter));
    for (const boost::json::value& expected : root.at("cases").as_array()) {
      const auto ids = boost::json::value_to<std::vector<std::int32_t>>(expected.at("tokens"));
      const auto logprobs = boost::json::value_to<std::vector<double>>(expected.at("logprobs"));
      const auto logits = boost::json::value_to<std::vector<double>>(expected.at("last_logits"));
      const auto holds = [&](const Transformer& model, const ModelWeights& weights) {
        const std::vector<float> got = sequence_logprobs(model, weights, ids);
        ASSERT_EQ(got.size(), logprobs.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
          EXPECT_NEAR(got[i], logprobs[i], 1e-4) << "token " << i + 1;
        }
        Packed packed;
        pack(packed, ids);
        const at::Tensor x =
            forward(model, weights, model.plan(packed.ids, packed.positions, packed.segments));
        const at::Tensor last =
            model.logits(weights.units.back(), weights.head_matrix(model.config()), x,
                         std::vector<std::int64_t>{static_cast<std::int64_t>(ids.size()) - 1});
        for (std::size_t i = 0; i < logits.size(); ++i) {
          EXPECT_NEAR(last[0][static_cast<std::int64_t>(i)].item<float>(), logits[i], 1e-4);
        }
      };
      holds(adapted, beside);
      holds(plain, merged);
      EXPECT_NE(sequence_logprobs(plain, load_weights(*source), ids),
                sequence_logprobs(plain, merged, ids));
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Adapters, PeftParity,
                         ::testing::Values("llama_all_linear", "qwen3_rslora"),
                         [](const auto& adapter) { return std::string(adapter.param); });

}  // namespace
}  // namespace cogent::model
