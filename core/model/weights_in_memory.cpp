#include "core/base/error.hpp"
#include "core/model/huge_pages.hpp"
#include "core/model/transformer.hpp"

#include <numeric>

namespace cogent::model {

UnitTensors unit_views(const UnitSpec& unit, const at::Tensor& flat) {
  UnitTensors views;
  std::int64_t offset = 0;
  for (const ParameterSpec& parameter : unit.parameters) {
    check(offset + parameter.size() <= flat.numel(), ErrorCode::kUnexpected, "unit ", unit.name,
          " needs ", offset + parameter.size(), " values up to ", parameter.name,
          ", its flat buffer has ", flat.numel());
    const at::Tensor part = flat.narrow(0, offset, parameter.size());
    views.push_back(parameter.is_matrix() ? part.view({parameter.rows, parameter.cols}) : part);
    offset += parameter.size();
  }
  return views;
}

ModelWeights allocate_weights(const std::vector<UnitSpec>& units, at::ScalarType type) {
  ModelWeights weights;
  for (const UnitSpec& unit : units) {
    std::int64_t size = 0;
    for (const ParameterSpec& parameter : unit.parameters) {
      size += parameter.size();
    }
    weights.flat.push_back(zeros_on_huge_pages({size}, type));
    weights.units.push_back(unit_views(unit, weights.flat.back()));
  }
  return weights;
}

ModelWeights load_weights(const WeightSource& source) {
  const std::vector<UnitSpec> units = unit_specs(source.config());
  ModelWeights weights = allocate_weights(units);
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (std::size_t p = 0; p < units[u].parameters.size(); ++p) {
      const ParameterSpec& parameter = units[u].parameters[p];
      source.read(parameter, std::span(weights.units[u][p].mutable_data_ptr<float>(),
                                       static_cast<std::size_t>(parameter.size())));
    }
  }
  return weights;
}

std::vector<float> sequence_logprobs(const Transformer& model, const ModelWeights& weights,
                                     std::span<const std::int32_t> ids) {
  if (ids.size() < 2) {
    return {};
  }
  // The last token is only a target.
  const auto count = static_cast<std::int64_t>(ids.size()) - 1;
  std::vector<std::int32_t> positions(ids.size() - 1);
  std::iota(positions.begin(), positions.end(), 0);
  std::vector<std::int64_t> rows(positions.begin(), positions.end());
  const RowPlan plan = model.plan(ids.first(rows.size()), positions, {{0, count, {{0, count}}}}, {},
                                  weights.flat.front().scalar_type());
  at::Tensor x = model.embed(weights.units.front(), plan);
  for (std::int64_t layer = 0; layer < model.config().num_layers; ++layer) {
    x = model.block(layer, weights.units[static_cast<std::size_t>(layer) + 1], plan, x, nullptr,
                    nullptr);
  }
  const TokenLogprobs result = model.head(weights.units.back(), weights.head_matrix(model.config()),
                                          x, rows, ids.subspan(1), 1, nullptr);
  const at::Tensor logprob = result.logprob.to(at::kFloat);
  const float* values = logprob.const_data_ptr<float>();
  return {values, values + count};
}

}  // namespace cogent::model
