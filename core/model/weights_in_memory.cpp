#include "core/base/error.hpp"
#include "core/model/huge_pages.hpp"
#include "core/model/transformer.hpp"
#include "core/model/weights/number_formats.hpp"

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

namespace {

void add_unit(const UnitSpec& unit, at::ScalarType type, ModelWeights& weights) {
  std::int64_t size = 0;
  for (const ParameterSpec& parameter : unit.parameters) {
    size += parameter.size();
  }
  weights.flat.push_back(zeros_on_huge_pages({size}, type));
  weights.units.push_back(unit_views(unit, weights.flat.back()));
}

}  // namespace

ModelWeights allocate_weights(const std::vector<UnitSpec>& units, at::ScalarType type) {
  ModelWeights weights;
  for (const UnitSpec& unit : units) {
    add_unit(unit, type, weights);
  }
  return weights;
}

void round_weights(std::span<const float> from, const at::Tensor& to) {
  check(to.scalar_type() == at::kBFloat16 && to.numel() == static_cast<std::int64_t>(from.size()),
        ErrorCode::kUnexpected, "weights are rounded from ", from.size(), " values to ", to.numel(),
        " of bfloat16");
  auto* const bits = static_cast<std::uint16_t*>(to.mutable_data_ptr());
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < from.size(); ++i) {
    bits[i] = float_to_bfloat16(from[i]);
  }
}

// Unit by unit, so that what is rounded stands beside no more of the rest than it must.
ModelWeights load_weights(const WeightSource& source, at::ScalarType type) {
  ModelWeights weights;
  for (const UnitSpec& unit : unit_specs(source.config())) {
    add_unit(unit, type, weights);
    for (std::size_t p = 0; p < unit.parameters.size(); ++p) {
      const ParameterSpec& parameter = unit.parameters[p];
      const at::Tensor& to = weights.units.back()[p];
      const auto size = static_cast<std::size_t>(parameter.size());
      if (type == at::kFloat) {
        source.read(parameter, std::span(to.mutable_data_ptr<float>(), size));
      } else {
        std::vector<float> wide(size);
        source.read(parameter, wide);
        round_weights(wide, to);
      }
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
                                  model.compute_type(weights));
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
