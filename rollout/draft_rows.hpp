#pragma once

#include "rollout/draft.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::rollout {

// Milliseconds of a step of decoding by its rows, 1 or more: measured on two Zen 3 cores with
// SmolLM2-135M in float32, where rows are nearly free until the products take longer than reading
// the weights (docs/performance.md). Only the ratios matter. They are fixed, as a clock would make
// the course of a run depend on the machine's mood.
double decode_milliseconds(std::int64_t rows);

// How many guesses of each sequence [sequences] a step verifies beside the sequences' own rows, so
// that it is expected to give the most tokens for its time, in `most_rows` rows at most. The rows
// go to the likeliest guesses, whoever's they are.
std::vector<std::size_t> share_draft_rows(std::span<const std::vector<Guess>> guesses,
                                          std::int64_t most_rows);

}  // namespace cogent::rollout
