#include "launch/kv_cache_check.hpp"

#include "core/base/error.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/data/reader.hpp"
#include "core/model/ops/ops.hpp"
#include "core/model/transformer_memory.hpp"
#include "launch/weight_type.hpp"
#include "rollout/greedy.hpp"
#include "rollout/schedule.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::launch {
namespace {

constexpr std::int64_t kMegabyte = 1 << 20;

// What a part of the stage draws: completions of up to `budget` tokens for the rows of `files`.
struct Drawn {
  std::span<const std::string> files;
  data::Split split;
  std::string_view files_key;
  std::int64_t budget;
  std::string_view budget_key;
  std::int64_t limit = 0;  // of the rows; 0: all
};

std::vector<Drawn> drawn_by(const RunConfig& config, Stage stage) {
  Drawn evaluated{config.data.dev, data::Split::kDev, "data.dev", config.evaluate.max_new_tokens,
                  "evaluate.max_new_tokens"};
  if (stage == Stage::kEvaluate) {
    if (!config.data.test.empty()) {
      evaluated.files = config.data.test;
      evaluated.split = data::Split::kTest;
      evaluated.files_key = "data.test";
    }
    return {evaluated};
  }
  std::vector<Drawn> drawn;
  if (stage == Stage::kGrpo && config.rollout.replay.empty()) {
    drawn.push_back({config.data.train, data::Split::kTrain, "data.train",
                     config.rollout.max_new_tokens, "rollout.max_new_tokens"});
  }
  if ((stage == Stage::kGrpo || stage == Stage::kSft) && config.train.eval_every > 0) {
    evaluated.limit = config.train.eval_limit;
    drawn.push_back(evaluated);
  }
  return drawn;
}

// The request of the longest prompt; nothing where there is no data.
std::optional<RolloutRequest> longest_request(const Drawn& drawn,
                                              const data::PromptBuilder& prompts) {
  std::vector<Example> examples = data::read_examples(drawn.files, drawn.split);
  if (drawn.limit > 0) {
    examples.resize(std::min(examples.size(), static_cast<std::size_t>(drawn.limit)));
  }
  std::optional<RolloutRequest> longest;
  for (const Example& example : examples) {
    RolloutRequest request = rollout::greedy_request(prompts, example, drawn.budget);
    if (!longest || request.prompt_ids.size() > longest->prompt_ids.size()) {
      longest = std::move(request);
    }
  }
  return longest;
}

}  // namespace

void check_kv_cache(const RunConfig& config, Stage stage, const LoadedModel& source) {
  const std::int64_t allowed = config.rollout.kv_cache_mb;
  if (allowed == 0) {
    return;
  }
  const model::ModelConfig& model = source.weights->config();
  const data::PromptBuilder prompts(config, source.tokenizer, model.eos_ids);
  const std::int64_t page_bytes =
      rollout::kPageRows * model::kv_row_bytes(model, compute_ops(config.model).activations);
  for (const Drawn& drawn : drawn_by(config, stage)) {
    const std::optional<RolloutRequest> longest = longest_request(drawn, prompts);
    if (!longest) {
      continue;
    }
    const std::int64_t bytes =
        rollout::pages_of_completion(*longest, rollout::kPageRows) * page_bytes;
    const std::int64_t needed = (bytes + kMegabyte - 1) / kMegabyte;
    check(needed <= allowed, ErrorCode::kUsage, "rollout.kv_cache_mb is ", allowed,
          " and one completion can need ", needed, " MB: the longest prompt of ", drawn.files_key,
          " (row ", longest->prompt_id, ") has ", longest->prompt_ids.size(), " tokens, ",
          drawn.budget_key, " is ", drawn.budget, ": raise rollout.kv_cache_mb to ", needed,
          " or more, lower ", drawn.budget_key, ", or drop the row");
  }
}

}  // namespace cogent::launch
