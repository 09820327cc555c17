#include "core/model/panels.hpp"

#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/kernels/cpu/gemm.hpp"

namespace cogent::model {
namespace {

// Calls `change(spec, tensor)` for every matrix of a unit that can be in panels.
template <typename Change>
void for_each_matrix(const UnitSpec& unit, UnitTensors& weights, const Change& change) {
  for (std::size_t p = 0; p < unit.parameters.size(); ++p) {
    const ParameterSpec& parameter = unit.parameters[p];
    if (parameter.is_matrix() && parameter.rows % cpu::kPanel == 0) {
      change(parameter, weights[p]);
    }
  }
}

template <typename Change>
void for_each_matrix(const std::vector<UnitSpec>& units, ModelWeights& weights,
                     const Change& change) {
  for (std::size_t u = 0; u < units.size(); ++u) {
    for_each_matrix(units[u], weights.units[u], change);
  }
}

bool has_panels(const Transformer& model, const at::Tensor& weights) {
  return model.ops().reads_panels &&
         (weights.scalar_type() == at::kFloat || weights.scalar_type() == at::kBFloat16);
}

// Calls `change(values, rows, columns)` with the matrix's own type of values.
template <typename Change>
void change_values(const ParameterSpec& spec, at::Tensor& matrix, const Change& change) {
  if (matrix.scalar_type() == at::kBFloat16) {
    change(cpu::mutable_bits_of(matrix), spec.rows, spec.cols);
  } else {
    change(cpu::mutable_values_of(matrix), spec.rows, spec.cols);
  }
}

void to_panels(const ParameterSpec& spec, at::Tensor& matrix) {
  change_values(spec, matrix, [](auto* values, std::int64_t rows, std::int64_t columns) {
    cpu::rows_to_panels(values, rows, columns);
  });
  matrix = matrix.view({spec.rows / cpu::kPanel, spec.cols, cpu::kPanel});
}

bool holds_panels(const std::vector<UnitSpec>& units, ModelWeights& weights) {
  bool held = false;
  for_each_matrix(units, weights, [&](const ParameterSpec&, const at::Tensor& matrix) {
    held = held || matrix.dim() == 3;
  });
  return held;
}

}  // namespace

PanelScope::PanelScope(const Transformer& model, ModelWeights& weights)
    : model_(model),
      weights_(weights),
      reorders_(has_panels(model, weights.flat.front()) && !holds_panels(model.units(), weights)) {
  if (reorders_) {
    for_each_matrix(model_.units(), weights_, to_panels);
  }
}

PanelScope::~PanelScope() {
  if (reorders_) {
    for_each_matrix(model_.units(), weights_, [](const ParameterSpec& spec, at::Tensor& matrix) {
      matrix = matrix.view({spec.rows, spec.cols});
      change_values(spec, matrix, [](auto* values, std::int64_t rows, std::int64_t columns) {
        cpu::panels_to_rows(values, rows, columns);
      });
    });
  }
}

void move_to_panels(const Transformer& model, std::size_t unit, UnitTensors& weights) {
  if (has_panels(model, weights.front())) {
    for_each_matrix(model.units()[unit], weights, to_panels);
  }
}

ModelWeights load_in_panels(const Transformer& model, const WeightSource& source,
                            at::ScalarType type) {
  ModelWeights weights = load_weights(source, type);
  for (std::size_t unit = 0; unit < weights.units.size(); ++unit) {
    move_to_panels(model, unit, weights.units[unit]);
  }
  return weights;
}

}  // namespace cogent::model
