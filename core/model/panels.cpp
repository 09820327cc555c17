#include "core/model/panels.hpp"

#include "core/model/kernels/cpu/cpu.hpp"
#include "core/model/kernels/cpu/gemm.hpp"

namespace cogent::model {
namespace {

// Calls `change(spec, tensor)` for every matrix that can be in panels.
template <typename Change>
void for_each_matrix(const std::vector<UnitSpec>& units, ModelWeights& weights,
                     const Change& change) {
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (std::size_t p = 0; p < units[u].parameters.size(); ++p) {
      const ParameterSpec& parameter = units[u].parameters[p];
      if (parameter.is_matrix() && parameter.rows % cpu::kPanel == 0) {
        change(parameter, weights.units[u][p]);
      }
    }
  }
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
      reorders_(model.ops().reads_panels && weights.flat.front().scalar_type() == at::kFloat &&
                !holds_panels(model.units(), weights)) {
  if (reorders_) {
    for_each_matrix(model_.units(), weights_, [](const ParameterSpec& spec, at::Tensor& matrix) {
      cpu::rows_to_panels(cpu::mutable_values_of(matrix), spec.rows, spec.cols);
      matrix = matrix.view({spec.rows / cpu::kPanel, spec.cols, cpu::kPanel});
    });
  }
}

PanelScope::~PanelScope() {
  if (reorders_) {
    for_each_matrix(model_.units(), weights_, [](const ParameterSpec& spec, at::Tensor& matrix) {
      matrix = matrix.view({spec.rows, spec.cols});
      cpu::panels_to_rows(cpu::mutable_values_of(matrix), spec.rows, spec.cols);
    });
  }
}

}  // namespace cogent::model
