#pragma once

#include "core/records/records.hpp"
#include "core/text/tokenizer.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cogent::rollout {

// Stop texts are looked for in the bytes of the tokens, one behind the other, so that neither the
// borders of tokens nor a character split between two of them hide one.

// The bytes of a token, of a special one its content. An id past the tokenizer's vocabulary, which
// a model with a padded vocabulary may draw, has none.
std::string token_bytes(const text::Tokenizer& tokenizer, std::int32_t id);

// Throws kUsage for a stop text that is empty or no valid UTF-8.
void check_stop_texts(std::span<const std::string> stop_texts);

// Whether the last of these tokens completes a stop text, where those before it hold none. Reads
// only as many tokens as the longest stop text may reach back.
bool completes_stop_text(const text::Tokenizer& tokenizer, std::span<const std::int32_t> ids,
                         std::span<const std::string> stop_texts);

// The text in front of the first stop text in it; all of it where it holds none.
std::string_view before_stop_text(std::string_view text, std::span<const std::string> stop_texts);

}  // namespace cogent::rollout
