#pragma once

#include "core/records/records.hpp"
#include "core/text/tokenizer.hpp"

#include <span>
#include <string>

namespace cogent::rollout {

// The completion decoded, without the end token that finished it and without special tokens.
std::string completion_text(const text::Tokenizer& tokenizer, const Completion& completion);

}  // namespace cogent::rollout
