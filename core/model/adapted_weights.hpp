#pragma once

#include "core/model/transformer.hpp"
#include "core/model/weights/lora.hpp"

namespace cogent::model {

// The base's weights of this type, frozen, with the adapter's float32 ones beside them. Where the
// ops read panels the base stays in panels for good (PanelScope then has nothing to do), the
// adapter stays in rows. model.lora() must be the adapter's.
ModelWeights load_adapted(const Transformer& model, const WeightSource& base,
                          const Adapter& adapter, at::ScalarType type = at::kFloat);

// The adapter's values beside a base's, which shares its memory with the result. Its tensors may be
// undefined, to be put in later. model.lora() must be the adapter's.
ModelWeights with_adapter(const Transformer& model, ModelWeights base, const Adapter& adapter);

}  // namespace cogent::model
