#include "trainer/scoring.hpp"

#include <numeric>
#include <utility>

namespace cogent::trainer {

model::RowPlan plan_of(const model::Transformer& model, const PackedBatch& batch) {
  std::vector<model::AttentionSegment> segments;
  segments.reserve(batch.segments.size());
  for (const PackedSegment& segment : batch.segments) {
    model::AttentionSegment& out = segments.emplace_back();
    out.query_begin = segment.queries.begin;
    out.query_end = segment.queries.end;
    for (const PackedSpan& span : segment.keys) {
      out.keys.push_back({span.begin, span.end});
    }
  }
  return model.plan(batch.ids, batch.positions, std::move(segments));
}

std::vector<std::size_t> forward_order(const model::ModelConfig& config) {
  std::vector<std::size_t> order(static_cast<std::size_t>(config.num_layers) + 2);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (config.tied_embeddings) {
    order.push_back(0);
  }
  return order;
}

model::TokenLogprobs score(const model::Transformer& model, const NextUnit& next_unit,
                           const PackedBatch& batch, double temperature) {
  const model::RowPlan plan = plan_of(model, batch);
  at::Tensor x = model.embed(next_unit(0), plan);
  const auto layers = static_cast<std::size_t>(model.config().num_layers);
  for (std::size_t layer = 0; layer < layers; ++layer) {
    x = model.block(static_cast<std::int64_t>(layer), next_unit(layer + 1), plan, x, nullptr,
                    nullptr);
  }
  const model::UnitTensors head = next_unit(layers + 1);
  const at::Tensor head_matrix = model.config().tied_embeddings ? next_unit(0)[0] : head[1];
  return model.head(head, head_matrix, x, batch.trained_rows, batch.targets, temperature, nullptr);
}

model::TokenLogprobs score(const model::Transformer& model, const model::ModelWeights& weights,
                           const PackedBatch& batch, double temperature) {
  return score(
      model, [&](std::size_t unit) { return weights.units[unit]; }, batch, temperature);
}

}  // namespace cogent::trainer
