#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::data {

// Which rows are used when: pure functions of counts and seed, so that the data cursor of a run is
// its step and nothing else. Rows are indices from 0.

// The rows of one SFT epoch, each once.
std::vector<std::uint32_t> sft_epoch_order(std::uint32_t count, std::uint64_t seed,
                                           std::uint32_t epoch);

// Whole GRPO steps in an epoch; the rest of the rows waits for the next shuffle. An Error of kUsage
// where not even one step fits.
std::uint32_t grpo_steps_per_epoch(std::uint32_t count, std::uint32_t prompts_per_step);

// The rows of one GRPO step. A step never crosses an epoch, so no row stands in it twice.
std::vector<std::uint32_t> grpo_step_rows(std::uint32_t count, std::uint32_t prompts_per_step,
                                          std::uint64_t seed, std::uint32_t step);

// The rows of one round of a GRPO step with dynamic sampling: round 0 is grpo_step_rows, each
// further one takes the next `refill` rows of an order of all other rows that depends on seed and
// step alone. No row stands in a step twice; near the end of the data a round has fewer rows, in
// the end none. An epoch's later steps do not know of it: a row may come as a refill and in its
// own step.
std::vector<std::uint32_t> grpo_round_rows(std::uint32_t count, std::uint32_t prompts_per_step,
                                           std::uint32_t refill, std::uint64_t seed,
                                           std::uint32_t step, std::uint32_t round);

// The cap on a data set's weight in the mixture.
inline constexpr std::uint32_t kMixtureCap = 10'000;

// A stratified sample of about `total` rows from several data sets: data set i gives
// floor(total * min(sizes[i], cap) / sum of these) rows, at most all it has, drawn without
// repetition. Returns, for each data set, its rows in ascending order.
std::vector<std::vector<std::uint32_t>> stratified_rows(std::span<const std::uint32_t> sizes,
                                                        std::uint32_t total, std::uint64_t seed,
                                                        std::uint32_t cap = kMixtureCap);

}  // namespace cogent::data
