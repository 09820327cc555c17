#include "core/model/adapted_weights.hpp"

#include "core/base/error.hpp"
#include "core/model/panels.hpp"

#include <utility>

namespace cogent::model {

ModelWeights load_adapted(const Transformer& model, const WeightSource& base,
                          const Adapter& adapter, at::ScalarType type) {
  return with_adapter(model, load_in_panels(model, base, type), adapter);
}

ModelWeights with_adapter(const Transformer& model, ModelWeights base, const Adapter& adapter) {
  check(model.lora() == adapter.lora, ErrorCode::kUnexpected, "the model has an adapter of rank ",
        model.lora().rank, ", the values are of another, of rank ", adapter.lora.rank);
  ModelWeights trained = allocate_weights(model.trained_units());
  for (std::size_t unit = 0; unit < base.units.size(); ++unit) {
    const std::vector<ParameterSpec>& parameters = model.trained_units()[unit].parameters;
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const at::Tensor& values = trained.units[unit][p];
      adapter.read(parameters[p], std::span(values.mutable_data_ptr<float>(),
                                            static_cast<std::size_t>(values.numel())));
      base.units[unit].push_back(values);
    }
  }
  base.adapter = std::move(trained.flat);
  return base;
}

}  // namespace cogent::model
