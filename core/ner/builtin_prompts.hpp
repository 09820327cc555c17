#pragma once

#include <string_view>

namespace cogent::ner {

// The files of configs/prompts/, embedded by the build.
extern const std::string_view kReasoningPrompt;
extern const std::string_view kAnswerOnlyPrompt;

}  // namespace cogent::ner
