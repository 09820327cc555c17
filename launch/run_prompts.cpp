#include "launch/run_prompts.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

#include <ATen/Parallel.h>

namespace cogent::launch {
namespace {

// With its length first, so that no two lists of lists run together to the same bytes.
void add(StreamHash& hash, std::span<const std::int32_t> ids) {
  const auto count = static_cast<std::uint64_t>(ids.size());
  hash.update(std::as_bytes(std::span(&count, 1)));
  hash.update(std::as_bytes(ids));
}

void check_length(const RunConfig& config, const model::ModelConfig& model, std::uint32_t row,
                  std::int64_t length) {
  check(length <= config.rollout.max_prompt_tokens, ErrorCode::kData, "the prompt of row ", row,
        " has ", length, " tokens, rollout.max_prompt_tokens is ", config.rollout.max_prompt_tokens,
        ": drop the row or raise the limit");
  check(length + config.rollout.max_new_tokens <= model.max_positions, ErrorCode::kData,
        "the prompt of row ", row, " has ", length, " tokens, with rollout.max_new_tokens ",
        config.rollout.max_new_tokens, " that is ", length + config.rollout.max_new_tokens,
        ", the model has ", model.max_positions, " positions: drop the row or draw fewer tokens");
}

}  // namespace

std::uint64_t check_prompts(const RunConfig& config, const model::ModelConfig& model,
                            const data::PromptBuilder& prompts, std::span<const Example> examples) {
  std::vector<std::vector<std::int32_t>> ids(examples.size());
  constexpr std::int64_t kGrain = 16;
  at::parallel_for(0, static_cast<std::int64_t>(examples.size()), kGrain,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (auto i = static_cast<std::size_t>(begin);
                          i < static_cast<std::size_t>(end); ++i) {
                       ids[i] = prompts.prompt_ids(examples[i]);
                     }
                   });
  StreamHash hash;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    check_length(config, model, examples[i].row, static_cast<std::int64_t>(ids[i].size()));
    add(hash, ids[i]);
  }
  return hash.digest();
}

std::uint64_t tokens_digest(std::span<const TrainSequence> sequences) {
  StreamHash hash;
  for (const TrainSequence& sequence : sequences) {
    add(hash, sequence.prompt_ids);
    add(hash, sequence.completion_ids);
  }
  return hash.digest();
}

}  // namespace cogent::launch
