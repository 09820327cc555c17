#pragma once

#include "core/config/run_config.hpp"

#include <optional>
#include <string>

namespace cogent::launch {

// How a tuned model was prompted: prompt.* and chat.template of the run folder that a model is a
// checkpoint of, by the folder's config.yaml, and all other keys at their defaults. Nothing where
// the model does not stand in a run folder. `model`: a path as LoadedModel has it.
std::optional<RunConfig> tuned_prompt(const std::string& model);

}  // namespace cogent::launch
