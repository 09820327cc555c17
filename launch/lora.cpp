#include "launch/lora.hpp"

#include "core/base/error.hpp"
#include "launch/loaded_model.hpp"

namespace cogent::launch {
namespace {

// A key that was set says the same as the adapter; one at its default says nothing.
void check_agrees(const LoraSettings& settings, const model::LoraConfig& adapter) {
  const LoraSettings defaults;
  const auto agrees = [&](bool is_set, bool is_equal, const char* key, const auto& value) {
    check(!is_set || is_equal, ErrorCode::kUsage, key, " is not what lora.adapter, ",
          settings.adapter, ", has (", value, "): leave the key out");
  };
  agrees(settings.rank != defaults.rank, settings.rank == adapter.rank, "lora.rank", adapter.rank);
  agrees(settings.alpha != defaults.alpha, settings.alpha == adapter.alpha, "lora.alpha",
         adapter.alpha);
  agrees(settings.use_rslora != defaults.use_rslora, settings.use_rslora == adapter.use_rslora,
         "lora.use_rslora", adapter.use_rslora);
  std::string names;
  for (const std::string& name : target_names(adapter)) {
    names += (names.empty() ? "" : ", ") + name;
  }
  agrees(settings.targets != defaults.targets,
         model::lora_targets(settings.targets, "lora.targets") == adapter.targets, "lora.targets",
         names);
}

}  // namespace

model::Adapter run_adapter(const RunConfig& config, const model::ModelConfig& model) {
  const LoraSettings& settings = config.lora;
  if (!settings.adapter.empty()) {
    model::Adapter adapter = open_adapter(settings.adapter, model);
    check_agrees(settings, adapter.lora);
    return adapter;
  }
  if (settings.rank == 0) {
    return {};
  }
  return model::new_adapter(model,
                            {.rank = settings.rank,
                             .alpha = settings.alpha,
                             .use_rslora = settings.use_rslora,
                             .targets = model::lora_targets(settings.targets, "lora.targets")},
                            config.seed);
}

}  // namespace cogent::launch
