#pragma once

#include "core/model/transformer.hpp"

namespace cogent::model {

// Holds weights in panels, the order in which the CPU's matrix products read them, while a model
// computes with them: a forward then packs nothing and there is no second copy (a backward makes
// the transposed panels of one matrix at a time). Begins by reordering the values in place and ends
// by putting them back (about 0.1 s each for 135 million float32 parameters). Inside the scope a
// matrix is a tensor [rows / 16, columns, 16], readable by ops alone, and the flat buffers are in
// that order. Matrices whose rows are no multiple of 16 stay as they are. Nothing happens where the
// ops do not read panels, and inside another scope over the same weights.
class PanelScope {
 public:
  PanelScope(const Transformer& model, ModelWeights& weights);
  ~PanelScope();
  PanelScope(const PanelScope&) = delete;
  PanelScope& operator=(const PanelScope&) = delete;

 private:
  const Transformer& model_;
  ModelWeights& weights_;
  bool reorders_;
};

// The same for one unit's weights, for good: of tensors that nobody reads by rows any more.
void move_to_panels(const Transformer& model, std::size_t unit, UnitTensors& weights);

// A source's weights, moved so: for what is not trained.
ModelWeights load_in_panels(const Transformer& model, const WeightSource& source,
                            at::ScalarType type);

}  // namespace cogent::model
