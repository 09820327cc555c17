#pragma once

#include "core/config/config.hpp"
#include "launch/loaded_model.hpp"

namespace cogent::launch {

// Whether rollout.kv_cache_mb holds any one completion that the stage will draw: the longest prompt
// of its data with the whole token budget. Without a bound nothing is read. An Error of kUsage that
// names the row and both numbers where it does not; reading the data may throw kData.
void check_kv_cache(const RunConfig& config, Stage stage, const LoadedModel& source);

}  // namespace cogent::launch
