#pragma once

#include "core/config/run_config.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/model/weights/model_config.hpp"
#include "core/records/records.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::launch {

// Builds the prompt of every example that GRPO may draw from, before the first step, so that none
// is met in mid-run that the run cannot draw: its settings and its data are fixed by then. Throws
// kData for the first row that is too long for rollout.max_prompt_tokens, or with
// rollout.max_new_tokens for the model's positions. Returns the digest of the prompts' tokens,
// which depends on template, chat format and tokenizer as well as on the data. Uses the compute
// threads.
std::uint64_t check_prompts(const RunConfig& config, const model::ModelConfig& model,
                            const data::PromptBuilder& prompts, std::span<const Example> examples);

// What compare_hashes (stage.hpp) says of these digests.
inline constexpr const char* kSamePrompts =
    "prompts from data.train: are prompt.template and the tokenizer of model.path the same on "
    "every "
    "host?";

// The digest of the tokens that SFT trains on.
std::uint64_t tokens_digest(std::span<const TrainSequence> sequences);

}  // namespace cogent::launch
