#include "core/model/weights/merged_weights.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cogent::model {
namespace {

struct MatrixPair {
  ParameterSpec a, b;
};

class MergedWeights : public WeightSource {
 public:
  MergedWeights(std::unique_ptr<WeightSource> base, Adapter adapter)
      : base_(std::move(base)), adapter_(std::move(adapter)) {
    constexpr std::string_view kPrefix = "base_model.model.";
    constexpr std::string_view kEnding = "lora_A.weight";
    for (const UnitSpec& unit : adapter_specs(base_->config(), adapter_.lora)) {
      for (std::size_t p = 0; p < unit.parameters.size(); p += 2) {
        const std::string& name = unit.parameters[p].name;
        const std::string layer =
            name.substr(kPrefix.size(), name.size() - kPrefix.size() - kEnding.size());
        pairs_.emplace(layer + "weight", MatrixPair{unit.parameters[p], unit.parameters[p + 1]});
      }
    }
  }

  const ModelConfig& config() const override { return base_->config(); }

  void read(const ParameterSpec& parameter, std::span<float> out) const override {
    base_->read(parameter, out);
    if (const auto pair = pairs_.find(parameter.name); pair != pairs_.end()) {
      add_product(pair->second, out);
    }
  }

 private:
  std::vector<float> values_of(const ParameterSpec& parameter) const {
    std::vector<float> values(static_cast<std::size_t>(parameter.size()));
    adapter_.read(parameter, values);
    return values;
  }

  void add_product(const MatrixPair& pair, std::span<float> weight) const {
    const std::vector<float> a = values_of(pair.a);  // [rank, columns]
    const std::vector<float> b = values_of(pair.b);  // [rows, rank]
    const auto rank = static_cast<std::size_t>(pair.a.rows);
    const auto columns = static_cast<std::size_t>(pair.a.cols);
    const double scale = adapter_.lora.scale();
    std::vector<double> row(columns);
    for (std::size_t i = 0; i < static_cast<std::size_t>(pair.b.rows); ++i) {
      const std::span<float> values = weight.subspan(i * columns, columns);
      row.assign(values.begin(), values.end());
      for (std::size_t r = 0; r < rank; ++r) {
        const double factor = scale * static_cast<double>(b[i * rank + r]);
        for (std::size_t j = 0; j < columns; ++j) {
          row[j] += factor * static_cast<double>(a[r * columns + j]);
        }
      }
      for (std::size_t j = 0; j < columns; ++j) {
        values[j] = static_cast<float>(row[j]);
      }
    }
  }

  std::unique_ptr<WeightSource> base_;
  Adapter adapter_;
  std::map<std::string, MatrixPair, std::less<>> pairs_;  // by the base's name of the matrix
};

}  // namespace

std::unique_ptr<WeightSource> merge_adapter(std::unique_ptr<WeightSource> base, Adapter adapter) {
  return std::make_unique<MergedWeights>(std::move(base), std::move(adapter));
}

}  // namespace cogent::model
