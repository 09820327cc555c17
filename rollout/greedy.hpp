#pragma once

#include "core/data/prompt_builder.hpp"
#include "core/records/records.hpp"

#include <cstdint>

namespace cogent::rollout {

// The one likeliest completion of an example's prompt.
RolloutRequest greedy_request(const data::PromptBuilder& prompts, const Example& example,
                              std::int64_t max_new_tokens);

}  // namespace cogent::rollout
