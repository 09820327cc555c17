#pragma once

#include "core/config/run_config.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/records/records.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cogent::launch {

// Every example as a sequence of prompt and gold completion, of which the last max_length tokens
// are kept; those without a trained token left are dropped. `key`: where the examples come from,
// for the Error of kData where none is left at all.
std::vector<TrainSequence> sft_sequences(const std::vector<Example>& examples,
                                         const data::PromptBuilder& prompts,
                                         std::int64_t max_length, std::string_view key);

// The batches of a run: epochs in their Philox order, the short last batch kept.
class SftBatches {
 public:
  SftBatches(const RunConfig& config, std::size_t rows);

  std::int64_t total() const { return total_; }  // steps of the run
  // Indices of the sequences of a step, counted from 0.
  std::vector<std::uint32_t> rows(std::int64_t step) const;

 private:
  std::uint64_t seed_;
  std::uint32_t rows_;
  std::int64_t batch_;
  std::int64_t per_epoch_;
  std::int64_t total_ = 0;
};

}  // namespace cogent::launch
