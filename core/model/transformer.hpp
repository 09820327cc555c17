#pragma once

#include "core/model/ops/ops.hpp"
#include "core/model/weights/lora.hpp"
#include "core/model/weights/model_config.hpp"
#include "core/model/weights/weight_source.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cogent::model {

// One unit's parameters, or their gradients, in the order of its UnitSpec: matrices [rows, cols],
// vectors [rows]. With an adapter its parameters stand behind; a forward without them has it off.
// Undefined gradients are of frozen parameters.
using UnitTensors = std::vector<at::Tensor>;

// Token rows that go through the model together, whatever sequences they belong to.
struct RowPlan {
  at::Tensor ids;                    // [rows] int64
  at::Tensor cos, sin;               // [rows, head_dim / 2], at least float32
  at::ScalarType type = at::kFloat;  // of activations
  std::vector<AttentionSegment> segments;
  at::Tensor cache_rows;  // [rows] int64: where each row's keys and values go in the KvCache;
                          // undefined: segments address the batch itself
  std::int64_t rows() const { return ids.size(0); }
};

// Keys and values of every layer, addressed by row.
struct KvCache {
  std::vector<at::Tensor> keys, values;  // one a layer: [capacity, kv_heads, head_dim]
};
KvCache make_kv_cache(const ModelConfig& config, std::int64_t capacity,
                      at::ScalarType type = at::kFloat);

// What a block's backward needs of its forward.
struct BlockActivations {
  at::Tensor x;                // [rows, hidden] input
  at::Tensor attention_input;  // [rows, hidden] after the first norm
  at::Tensor q_raw, k_raw;     // before q/k norm; undefined without q/k norm
  at::Tensor q, k, v;          // [rows, heads, head_dim] after RoPE
  AttentionOutput attention;
  at::Tensor middle;               // [rows, hidden] after the first residual
  at::Tensor mlp_input;            // [rows, hidden] after the second norm
  at::Tensor gate, up, activated;  // [rows, intermediate]
};

struct HeadActivations {
  at::Tensor rows;      // [n] int64: which rows of x
  at::Tensor selected;  // [n, hidden] their values
  at::Tensor normed;    // [n, hidden]
  at::Tensor targets;   // [n]
  TokenLogprobs logprobs;
  double temperature = 1;
};

struct ModelWeights;

// The one model definition: sampling and training call the same functions, unit by unit. Stateless
// but for the configuration; weights are handed in, so that a caller may gather and release them.
class Transformer {
 public:
  Transformer(ModelConfig config, const OpTable& ops, LoraConfig lora = {});

  const ModelConfig& config() const { return config_; }
  const std::vector<UnitSpec>& units() const { return units_; }
  const LoraConfig& lora() const { return lora_; }
  // What is trained, unit by unit: the adapter's parameters where there is one, else all.
  const std::vector<UnitSpec>& trained_units() const { return lora_.on() ? adapter_ : units_; }
  const OpTable& ops() const { return ops_; }
  // Whether a row's results have the same bits whatever other rows go through with it (computed in
  // float32).
  bool rows_are_independent() const;
  // Of activations, and of the keys and values that are cached: the ops' own, float64 with weights
  // of float64.
  at::ScalarType compute_type(const ModelWeights& weights) const;

  // ids and positions [rows]. `cache_rows` empty: no cache. `type`: of activations, where it is not
  // the ops' own.
  RowPlan plan(std::span<const std::int32_t> ids, std::span<const std::int32_t> positions,
               std::vector<AttentionSegment> segments,
               std::span<const std::int64_t> cache_rows = {},
               std::optional<at::ScalarType> type = {}) const;

  at::Tensor embed(const UnitTensors& embedding, const RowPlan& plan) const;  // [rows, hidden]
  void embed_backward(const at::Tensor& dx, const RowPlan& plan, UnitTensors& gradient) const;

  // One block. `cache` non-null where the plan has cache_rows: this layer's new keys and values are
  // written there first. `saved` null: nothing is kept. x [rows, hidden]; returns the same shape.
  at::Tensor block(std::int64_t layer, const UnitTensors& weights, const RowPlan& plan,
                   const at::Tensor& x, KvCache* cache, BlockActivations* saved) const;
  at::Tensor block_backward(const UnitTensors& weights, const RowPlan& plan,
                            const BlockActivations& saved, const at::Tensor& dy,
                            UnitTensors& gradient) const;

  // Final norm and log-probability of targets[i] at row rows[i] of x. `head_matrix` [vocab,
  // hidden]: the head unit's own, or the embedding's where tied. `saved` null: nothing is kept.
  TokenLogprobs head(const UnitTensors& weights, const at::Tensor& head_matrix, const at::Tensor& x,
                     std::span<const std::int64_t> rows, std::span<const std::int32_t> targets,
                     double temperature, HeadActivations* saved) const;
  // dlogprob [n], dentropy [n] or undefined for none. Returns dx over all of x's rows (zero where
  // no target stands); adds to the head unit's gradient and to dhead_matrix.
  at::Tensor head_backward(const UnitTensors& weights, const at::Tensor& head_matrix,
                           const HeadActivations& saved, const at::Tensor& dlogprob,
                           const at::Tensor& dentropy, std::int64_t x_rows, UnitTensors& gradient,
                           at::Tensor& dhead_matrix) const;

  // Logits [n, vocab] at these rows of x, at least float32: what sampling draws from.
  at::Tensor logits(const UnitTensors& weights, const at::Tensor& head_matrix, const at::Tensor& x,
                    std::span<const std::int64_t> rows) const;

 private:
  ModelConfig config_;
  LoraConfig lora_;
  std::vector<UnitSpec> units_;
  std::vector<UnitSpec> adapter_;  // one a unit; without parameters where LoRA is off
  const OpTable& ops_;
  std::vector<double> inverse_frequencies_;  // [head_dim / 2] after RoPE scaling
};

// A whole set of weights in memory, unit by unit, each unit's parameters being views into one flat
// buffer of its own. bfloat16 ones are computed with as the values that they are.
struct ModelWeights {
  std::vector<at::Tensor> flat;     // one a unit: [unit size]
  std::vector<UnitTensors> units;   // views, the adapter's behind
  std::vector<at::Tensor> adapter;  // one a unit, of the adapter's parameters; empty where none is
  // The buffers of Transformer::trained_units.
  const std::vector<at::Tensor>& trained() const { return adapter.empty() ? flat : adapter; }
  // The matrix that the head multiplies with.
  const at::Tensor& head_matrix(const ModelConfig& config) const {
    return config.tied_embeddings ? units.front()[0] : units.back()[1];
  }
};
ModelWeights allocate_weights(const std::vector<UnitSpec>& units,
                              at::ScalarType type = at::kFloat);  // zeros
// Views of a unit's parameters into its flat buffer [unit size], in UnitSpec order, without gaps.
UnitTensors unit_views(const UnitSpec& unit, const at::Tensor& flat);
// float32, or bfloat16 with each weight rounded to the nearest.
ModelWeights load_weights(const WeightSource& source, at::ScalarType type = at::kFloat);
// to = from rounded to the nearest bfloat16, ties to even, as ExportType::kBfloat16 does. `to`:
// bfloat16, contiguous.
void round_weights(std::span<const float> from, const at::Tensor& to);

// Natural log-probabilities of ids[i + 1] given ids[0..i] at temperature 1: [n - 1]. The plain
// forward of one sequence, for filters and tests.
std::vector<float> sequence_logprobs(const Transformer& model, const ModelWeights& weights,
                                     std::span<const std::int32_t> ids);

}  // namespace cogent::model
