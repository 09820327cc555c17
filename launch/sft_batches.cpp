#include "launch/sft_batches.hpp"

#include "core/base/error.hpp"
#include "core/data/order.hpp"
#include "launch/run_shape.hpp"
#include "trainer/packing.hpp"

#include <algorithm>
#include <utility>

namespace cogent::launch {

std::vector<TrainSequence> sft_sequences(const std::vector<Example>& examples,
                                         const data::PromptBuilder& prompts,
                                         std::int64_t max_length, std::string_view key) {
  std::vector<TrainSequence> sequences;
  for (const Example& example : examples) {
    TrainSequence sequence;
    sequence.prompt_ids = prompts.prompt_ids(example);
    sequence.completion_ids = prompts.completion_ids(example);
    if (trainer::keep_last(sequence, max_length)) {
      sequence.group = static_cast<std::uint32_t>(sequences.size());
      sequences.push_back(std::move(sequence));
    }
  }
  check(!sequences.empty(), ErrorCode::kData, key, " has ", examples.size(),
        " examples, none has a trained token left: raise sft.max_length above ", max_length);
  return sequences;
}

SftBatches::SftBatches(const RunConfig& config, std::size_t rows)
    : seed_(config.seed),
      rows_(static_cast<std::uint32_t>(rows)),
      batch_(config.sft.batch_size),
      per_epoch_((static_cast<std::int64_t>(rows) + batch_ - 1) / batch_) {
  total_ = steps_of_run(config.train, per_epoch_);
}

std::vector<std::uint32_t> SftBatches::rows(std::int64_t step) const {
  const auto order =
      data::sft_epoch_order(rows_, seed_, static_cast<std::uint32_t>(step / per_epoch_));
  const std::int64_t first = step % per_epoch_ * batch_;
  const std::int64_t last = std::min<std::int64_t>(rows_, first + batch_);
  return {order.begin() + first, order.begin() + last};
}

}  // namespace cogent::launch
