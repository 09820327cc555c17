#include "tests/unit/model/model_testing.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/triu.h>

#include <cmath>
#include <limits>
#include <map>
#include <numbers>

// Written from the papers' formulas, parameters by name, one head at a time: shares nothing with
// the product.
namespace cogent::model::testing {
namespace {

using Named = std::map<std::string, at::Tensor>;

at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return x / ((x * x).mean(-1, true) + eps).sqrt() * weight;
}

at::Tensor linear(const Named& named, const std::string& name, const at::Tensor& x) {
  const at::Tensor y = at::matmul(x, named.at(name + ".weight").t());
  const auto bias = named.find(name + ".bias");
  return bias == named.end() ? y : y + bias->second;
}

double frequency(const ModelConfig& config, std::int64_t pair) {
  const double plain = 1 / std::pow(config.rope_theta, 2.0 * static_cast<double>(pair) /
                                                           static_cast<double>(config.head_dim));
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.type == RopeScalingType::kNone) {
    return plain;
  }
  if (scaling.type == RopeScalingType::kLinear) {
    return plain / scaling.factor;
  }
  const double turns =
      static_cast<double>(scaling.original_max_positions) * plain / (2 * std::numbers::pi);
  const double kept = std::clamp(
      (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor), 0.0,
      1.0);
  return plain * (kept + (1 - kept) / scaling.factor);
}

// x [rows, head_dim] of one head, rows at positions 0, 1, ...
at::Tensor rotate(const ModelConfig& config, const at::Tensor& x) {
  const std::int64_t half = config.head_dim / 2;
  at::Tensor cos = at::empty({x.size(0), config.head_dim}, x.options().requires_grad(false));
  at::Tensor sin = at::empty_like(cos);
  for (std::int64_t row = 0; row < x.size(0); ++row) {
    for (std::int64_t i = 0; i < config.head_dim; ++i) {
      const double angle = static_cast<double>(row) * frequency(config, i % half);
      cos[row][i] = std::cos(angle);
      sin[row][i] = std::sin(angle);
    }
  }
  const at::Tensor turned = at::cat({-x.slice(1, half), x.slice(1, 0, half)}, 1);
  return x * cos + turned * sin;
}

at::Tensor attention(const ModelConfig& config, const Named& named, const std::string& layer,
                     const at::Tensor& x) {
  const std::int64_t rows = x.size(0);
  const at::Tensor future =
      at::triu(at::full({rows, rows}, -std::numeric_limits<double>::infinity(), x.options()), 1);
  const auto head_of = [&](const std::string& name, std::int64_t head) {
    const at::Tensor all = linear(named, layer + "self_attn." + name + "_proj", x);
    at::Tensor part = all.slice(1, head * config.head_dim, (head + 1) * config.head_dim);
    if (config.qk_norm && name != "v") {
      part =
          norm(part, named.at(layer + "self_attn." + name + "_norm.weight"), config.rms_norm_eps);
    }
    return name == "v" ? part : rotate(config, part);
  };
  std::vector<at::Tensor> heads;
  for (std::int64_t head = 0; head < config.num_heads; ++head) {
    const std::int64_t kv = head * config.num_kv_heads / config.num_heads;
    const at::Tensor scores = at::matmul(head_of("q", head), head_of("k", kv).t()) /
                              std::sqrt(static_cast<double>(config.head_dim));
    heads.push_back(at::matmul(at::softmax(scores + future, -1), head_of("v", kv)));
  }
  return linear(named, layer + "self_attn.o_proj", at::cat(heads, 1));
}

}  // namespace

at::Tensor naive_logits(const ModelConfig& config, const ModelWeights& weights,
                        std::span<const std::int32_t> ids) {
  Named named;
  const std::vector<UnitSpec> units = unit_specs(config);
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (std::size_t p = 0; p < units[u].parameters.size(); ++p) {
      named[units[u].parameters[p].name] = weights.units[u][p];
    }
  }
  std::vector<at::Tensor> rows;
  for (const std::int32_t id : ids) {
    rows.push_back(named.at("model.embed_tokens.weight")[id].unsqueeze(0));
  }
  at::Tensor x = at::cat(rows);
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    const auto norm_of = [&](const std::string& name) {
      return norm(x, named.at(layer + name + ".weight"), config.rms_norm_eps);
    };
    x = x + attention(config, named, layer, norm_of("input_layernorm"));
    const at::Tensor y = norm_of("post_attention_layernorm");
    x = x + linear(named, layer + "mlp.down_proj",
                   at::silu(linear(named, layer + "mlp.gate_proj", y)) *
                       linear(named, layer + "mlp.up_proj", y));
  }
  x = norm(x, named.at("model.norm.weight"), config.rms_norm_eps);
  return at::matmul(
      x, named.at(config.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight").t());
}

}  // namespace cogent::model::testing
