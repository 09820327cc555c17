#include "tests/unit/model/model_testing.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace cogent::model::testing {

at::Tensor random_tensor(std::vector<std::int64_t> shape, std::uint64_t seed, at::ScalarType type,
                         double scale) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal(0, scale);
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  double* values = tensor.mutable_data_ptr<double>();
  std::generate(values, values + tensor.numel(), [&] { return normal(engine); });
  return tensor.to(type);
}

std::vector<std::int32_t> random_ids(std::int64_t count, std::int64_t vocab, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  std::generate(ids.begin(), ids.end(), [&] {
    return static_cast<std::int32_t>(engine() % static_cast<std::uint64_t>(vocab));
  });
  return ids;
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) {
    return std::numeric_limits<double>::infinity();
  }
  if (a.numel() == 0) {
    return 0;
  }
  const at::Tensor x = a.detach().to(at::kDouble);
  const at::Tensor y = b.detach().to(at::kDouble);
  if (!at::isfinite(x).all().item<bool>() || !at::isfinite(y).all().item<bool>()) {
    return std::numeric_limits<double>::infinity();
  }
  return (x - y).abs().max().item<double>() / std::max(1.0, y.abs().max().item<double>());
}

ModelConfig llama_like(Shape shape) {
  ModelConfig config;
  config.model_type = "llama";
  config.vocab_size = 97;
  config.hidden_size = 24;
  config.intermediate_size = 40;
  config.num_layers = 2;
  config.num_heads = shape.heads;
  config.num_kv_heads = shape.kv_heads;
  config.head_dim = shape.head_dim;
  config.max_positions = 512;
  config.tied_embeddings = true;
  return config;
}

ModelConfig qwen2_like(Shape shape) {
  ModelConfig config = llama_like(shape);
  config.model_type = "qwen2";
  config.qkv_bias = true;
  config.rope_theta = 1e6;
  config.rope_scaling = {.type = RopeScalingType::kLinear, .factor = 2};
  return config;
}

ModelConfig qwen3_like(Shape shape) {
  ModelConfig config = llama_like(shape);
  config.model_type = "qwen3";
  config.qk_norm = true;
  config.tied_embeddings = false;
  return config;
}

ModelConfig llama_with_all_biases(Shape shape) {
  ModelConfig config = llama_like(shape);
  config.qkv_bias = config.o_bias = config.mlp_bias = true;
  config.tied_embeddings = false;
  config.rope_scaling = {.type = RopeScalingType::kLlama3,
                         .factor = 8,
                         .low_freq_factor = 1,
                         .high_freq_factor = 4,
                         .original_max_positions = 32};
  return config;
}

ModelWeights random_weights(const ModelConfig& config, std::uint64_t seed, at::ScalarType type) {
  const std::vector<UnitSpec> units = unit_specs(config);
  ModelWeights weights = allocate_weights(units, type);
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (std::size_t p = 0; p < units[u].parameters.size(); ++p) {
      const bool norm = units[u].parameters[p].name.find("norm") != std::string::npos;
      at::Tensor& parameter = weights.units[u][p];
      parameter.copy_(random_tensor(parameter.sizes().vec(), ++seed, at::kDouble, 0.2) +
                      (norm ? 1.0 : 0.0));
    }
  }
  return weights;
}

void pack(Packed& packed, std::span<const std::int32_t> ids, int prompt) {
  const auto begin = static_cast<std::int64_t>(packed.ids.size());
  const auto end = begin + static_cast<std::int64_t>(ids.size());
  AttentionSegment segment{begin, end, {}};
  std::int32_t position = 0;
  if (prompt != kNoPrompt) {
    segment.keys = packed.segments[static_cast<std::size_t>(prompt)].keys;
    for (const RowSpan& span : segment.keys) {
      position += static_cast<std::int32_t>(span.end - span.begin);
    }
  }
  segment.keys.push_back({begin, end});
  packed.segments.push_back(segment);
  for (const std::int32_t id : ids) {
    packed.ids.push_back(id);
    packed.positions.push_back(position++);
  }
}

at::Tensor forward(const Transformer& model, const ModelWeights& weights, const RowPlan& plan,
                   KvCache* cache) {
  at::Tensor x = model.embed(weights.units.front(), plan);
  for (std::int64_t layer = 0; layer < model.config().num_layers; ++layer) {
    x = model.block(layer, weights.units[static_cast<std::size_t>(layer) + 1], plan, x, cache,
                    nullptr);
  }
  return x;
}

LossAndGradient loss_and_gradient(const Transformer& model, const ModelWeights& weights,
                                  const RowPlan& plan, std::span<const std::int64_t> rows,
                                  std::span<const std::int32_t> targets, const at::Tensor& dlogprob,
                                  double temperature) {
  const ModelConfig& config = model.config();
  LossAndGradient result;
  const bool wide = weights.flat.front().scalar_type() == at::kDouble;
  result.gradient = allocate_weights(model.units(), wide ? at::kDouble : at::kFloat);
  std::vector<BlockActivations> saved(static_cast<std::size_t>(config.num_layers));
  at::Tensor x = model.embed(weights.units.front(), plan);
  for (std::size_t layer = 0; layer < saved.size(); ++layer) {
    x = model.block(static_cast<std::int64_t>(layer), weights.units[layer + 1], plan, x, nullptr,
                    &saved[layer]);
  }
  HeadActivations head;
  const at::Tensor& matrix = weights.head_matrix(config);
  result.logprob =
      model.head(weights.units.back(), matrix, x, rows, targets, temperature, &head).logprob;
  at::Tensor dmatrix = result.gradient.head_matrix(config);
  at::Tensor dx = model.head_backward(weights.units.back(), matrix, head, dlogprob, {}, plan.rows(),
                                      result.gradient.units.back(), dmatrix);
  for (std::size_t layer = saved.size(); layer-- > 0;) {
    dx = model.block_backward(weights.units[layer + 1], plan, saved[layer], dx,
                              result.gradient.units[layer + 1]);
  }
  model.embed_backward(dx, plan, result.gradient.units.front());
  return result;
}

}  // namespace cogent::model::testing
