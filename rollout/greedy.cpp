#include "rollout/greedy.hpp"

namespace cogent::rollout {

RolloutRequest greedy_request(const data::PromptBuilder& prompts, const Example& example,
                              std::int64_t max_new_tokens) {
  return {.prompt_id = example.row,
          .prompt_ids = prompts.prompt_ids(example),
          .sampling = {.temperature = 0,
                       .max_new_tokens = static_cast<std::int32_t>(max_new_tokens),
                       .stop_ids = prompts.end_ids()}};
}

}  // namespace cogent::rollout
