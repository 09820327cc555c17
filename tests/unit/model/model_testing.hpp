#pragma once

#include "core/model/transformer.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

// What the model's tests share: reproducible values, tiny configurations, and a plain second
// implementation of the model that autograd differentiates.
namespace cogent::model::testing {

// Normal values that depend on the seed alone.
at::Tensor random_tensor(std::vector<std::int64_t> shape, std::uint64_t seed,
                         at::ScalarType type = at::kDouble, double scale = 1);
std::vector<std::int32_t> random_ids(std::int64_t count, std::int64_t vocab, std::uint64_t seed);

// The largest |a - b| over max(1, largest |b|); infinite where a value is not finite.
double difference(const at::Tensor& a, const at::Tensor& b);

// A tiny model: head_dim and the ratio of heads to kv heads matter, the rest is small.
struct Shape {
  std::int64_t heads = 4;
  std::int64_t kv_heads = 2;
  std::int64_t head_dim = 16;
};
ModelConfig llama_like(Shape shape);  // tied, no biases
ModelConfig qwen2_like(Shape shape);  // tied, biases on q, k and v
ModelConfig qwen3_like(Shape shape);  // untied, q/k norm
ModelConfig llama_with_all_biases(Shape shape);

ModelWeights random_weights(const ModelConfig& config, std::uint64_t seed,
                            at::ScalarType type = at::kDouble);

// Segments and positions of sequences packed one after another; a sequence may see the rows of an
// earlier one (its prompt) first.
struct Packed {
  std::vector<std::int32_t> ids, positions;
  std::vector<AttentionSegment> segments;
};
constexpr int kNoPrompt = -1;
// `prompt`: index of the segment whose rows come before, or kNoPrompt.
void pack(Packed& packed, std::span<const std::int32_t> ids, int prompt = kNoPrompt);

// All units forward, without a cache. [rows, hidden].
at::Tensor forward(const Transformer& model, const ModelWeights& weights, const RowPlan& plan,
                   KvCache* cache = nullptr);

// Log-probabilities of targets[i] at row rows[i] and the gradient of their sum weighted by
// dlogprob, in every unit.
struct LossAndGradient {
  at::Tensor logprob;
  ModelWeights gradient;
};
LossAndGradient loss_and_gradient(const Transformer& model, const ModelWeights& weights,
                                  const RowPlan& plan, std::span<const std::int64_t> rows,
                                  std::span<const std::int32_t> targets, const at::Tensor& dlogprob,
                                  double temperature = 1);

// Logits [n, vocab] of one sequence by the naive model: plain ATen that autograd can follow.
at::Tensor naive_logits(const ModelConfig& config, const ModelWeights& weights,
                        std::span<const std::int32_t> ids);

}  // namespace cogent::model::testing
