#pragma once

#include "core/records/records.hpp"
#include "core/text/tokenizer.hpp"

#include <span>
#include <string>

namespace cogent::rollout {

// The completion decoded, without the end token that finished it and without special tokens. For
// completions that were drawn without stop texts.
std::string completion_text(const text::Tokenizer& tokenizer, const Completion& completion);

// The completion decoded with its special tokens, without the end token that finished it, and cut
// before the first stop text. `sampling`: what it was drawn by.
std::string text_before_stop(const text::Tokenizer& tokenizer, const Completion& completion,
                             const SamplingOptions& sampling);

}  // namespace cogent::rollout
