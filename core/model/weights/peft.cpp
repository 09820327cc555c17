#include "core/model/weights/peft.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/model/weights/output_folder.hpp"
#include "core/model/weights/safetensors.hpp"
#include "core/model/weights/safetensors_writer.hpp"

#include <array>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace cogent::model {
namespace {

namespace fs = std::filesystem;

// The tensors of an adapter's file, mapped.
class PeftTensors {
 public:
  explicit PeftTensors(const fs::path& path)
      : file_(path, ErrorCode::kModel), tensors_(parse_safetensors(file_.bytes(), path.string())) {}

  std::string source() const { return file_.path().string(); }

  // Which linear layers have an adapter, by the names of the tensors.
  std::array<bool, kLoraTargets.size()> targets(const ModelConfig& model) const {
    std::map<std::string, std::size_t, std::less<>> known;
    for (std::size_t target = 0; target < kLoraTargets.size(); ++target) {
      LoraConfig one{.rank = 1};
      one.targets[target] = true;
      for (const UnitSpec& unit : adapter_specs(model, one)) {
        for (const ParameterSpec& parameter : unit.parameters) {
          known.emplace(parameter.name, target);
        }
      }
    }
    std::array<bool, kLoraTargets.size()> targets = {};
    for (const auto& [name, tensor] : tensors_) {
      const auto place = known.find(name);
      check(place != known.end(), ErrorCode::kModel, source(), ": tensor ", name,
            " is no LoRA matrix of a linear layer of this ", model.model_type, " model of ",
            model.num_layers, " blocks: does the adapter belong to another model?");
      targets[place->second] = true;
    }
    check(!tensors_.empty(), ErrorCode::kModel, source(), " holds no tensor");
    return targets;
  }

  void check_shape(const ParameterSpec& parameter) const { find(parameter); }
  void read(const ParameterSpec& parameter, std::span<float> out) const {
    find(parameter).to_float(out);
  }

 private:
  const SafetensorsTensor& find(const ParameterSpec& parameter) const {
    const auto tensor = tensors_.find(parameter.name);
    check(tensor != tensors_.end(), ErrorCode::kModel, source(), ": tensor ", parameter.name,
          " is missing: an adapter must have A and B of the same layers in every block");
    const std::vector<std::int64_t>& shape = tensor->second.shape;
    check(shape == std::vector<std::int64_t>{parameter.rows, parameter.cols}, ErrorCode::kModel,
          source(), ": tensor ", parameter.name, " has ", tensor->second.size(), " values in ",
          shape.size(), " dimensions, but the model and ", kPeftConfigName, " make it ",
          parameter.rows, " x ", parameter.cols);
    return tensor->second;
  }

  MappedFile file_;
  std::map<std::string, SafetensorsTensor, std::less<>> tensors_;
};

}  // namespace

bool is_peft_folder(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kPeftConfigName, ignored);
}

PeftConfig read_peft_config(const fs::path& folder) {
  const fs::path path = folder / kPeftConfigName;
  check(is_peft_folder(folder), ErrorCode::kModel, folder.string(), " has no ", kPeftConfigName,
        ": a folder that PEFT saved an adapter to is needed");
  return parse_peft_config(read_file(path, ErrorCode::kModel), path.string());
}

Adapter open_peft_adapter(const fs::path& folder, const ModelConfig& model) {
  LoraConfig lora = read_peft_config(folder).lora;
  check(fs::exists(folder / kPeftWeightsName), ErrorCode::kModel, folder.string(), " has no ",
        kPeftWeightsName, ", the file of the adapter's tensors");
  const auto tensors = std::make_shared<const PeftTensors>(folder / kPeftWeightsName);
  lora.targets = tensors->targets(model);
  for (const UnitSpec& unit : adapter_specs(model, lora)) {
    for (const ParameterSpec& parameter : unit.parameters) {
      tensors->check_shape(parameter);
    }
  }
  return {lora, [tensors](const ParameterSpec& parameter, std::span<float> out) {
            tensors->read(parameter, out);
          }};
}

void export_peft(const ModelConfig& model, const Adapter& adapter, const std::string& base,
                 ExportType type, const fs::path& out) {
  constexpr std::array<const char*, 2> kFiles = {kPeftConfigName, kPeftWeightsName};
  const OutputFolder folder(out, kFiles);
  write_file_atomic(folder.path() / kPeftConfigName, write_peft_config(adapter.lora, base),
                    ErrorCode::kModel);
  write_safetensors(folder.path() / kPeftWeightsName, adapter_specs(model, adapter.lora), type,
                    adapter.read);
  folder.finish();
}

}  // namespace cogent::model
