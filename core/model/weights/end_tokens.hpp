#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cogent::model {

// The tokens that end a completion where a file names one end token only: that one first (unless it
// is -1), then <|im_end|>, <|eot_id|> and <|endoftext|> where the vocabulary has them. Chat models
// end a turn with one of these even where eos_token_id names another.
std::vector<std::int32_t> end_token_ids(std::int32_t eos_id, std::span<const std::string> tokens);

}  // namespace cogent::model
