#pragma once

#include "core/model/transformer.hpp"
#include "trainer/packing.hpp"

#include <cstddef>
#include <functional>
#include <vector>

namespace cogent::trainer {

// Hands out the weights of the next unit of a pass, which is this one.
using NextUnit = std::function<model::UnitTensors(std::size_t unit)>;

// Row plan of a packed batch.
model::RowPlan plan_of(const model::Transformer& model, const PackedBatch& batch);

// The units as a forward uses them, a tied embedding once more as the head's matrix.
std::vector<std::size_t> forward_order(const model::ModelConfig& config);

// Log-probabilities of the batch's targets by a forward that keeps nothing. Takes the units of
// forward_order one by one, and lets go of each behind its use.
model::TokenLogprobs score(const model::Transformer& model, const NextUnit& next_unit,
                           const PackedBatch& batch, double temperature);

// The same with weights that are whole.
model::TokenLogprobs score(const model::Transformer& model, const model::ModelWeights& weights,
                           const PackedBatch& batch, double temperature);

}  // namespace cogent::trainer
