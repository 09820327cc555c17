#include "core/base/philox.hpp"
#include "trainer/learner.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// What of an update reduction and optimizer take, beside forward and backward, on the model that
// COGENT_MODEL names, by one learner:
//   OMP_NUM_THREADS=2 COGENT_MODEL=PATH learner_bench [exact|fast] [GROUPS] [STEPS]
// A step is one update over GROUPS groups of 8 completions of 140 tokens behind a prompt of 170,
// random tokens with recorded log-probabilities, without a reference policy: nothing is scored.
namespace cogent::trainer {
namespace {

constexpr std::uint32_t kGroupSize = 8;
constexpr std::uint32_t kPromptTokens = 170;
constexpr std::uint32_t kNewTokens = 140;

std::vector<RolloutGroup> make_groups(std::uint32_t count, std::int64_t vocab) {
  std::vector<RolloutGroup> groups(count);
  for (std::uint32_t g = 0; g < count; ++g) {
    const auto token = [&](std::uint32_t position, std::uint32_t completion) {
      return static_cast<std::int32_t>(
          draw_below(static_cast<std::uint32_t>(vocab),
                     {.seed = 1, .position = position, .completion = completion, .prompt = g}));
    };
    groups[g].prompt_id = g;
    for (std::uint32_t i = 0; i < kPromptTokens; ++i) {
      groups[g].prompt_ids.push_back(token(i, 0));
    }
    for (std::uint32_t c = 1; c <= kGroupSize; ++c) {
      Completion& completion = groups[g].completions.emplace_back();
      for (std::uint32_t i = 0; i < kNewTokens; ++i) {
        completion.ids.push_back(token(i, c));
      }
      completion.logprobs.assign(kNewTokens, -10.0F);
      completion.reward = c;
    }
  }
  return groups;
}

int run(Numerics numerics, std::uint32_t group_count, int steps) {
  RunConfig config;
  config.numerics = numerics;
  config.grpo.beta = 0;
  config.rollout.prompts_per_step = group_count;
  config.rollout.max_new_tokens = kNewTokens;
  const auto source = model::open_weights(std::getenv("COGENT_MODEL"));
  const model::Transformer model(source->config(), model::cpu_ops());
  const auto self = distributed::make_self_communicator("learners");
  ShardedModel policy(model, *self, config.learner, config.numerics);
  policy.load(*source);
  Learner learner(config, model, *self, policy, nullptr, steps);
  const std::vector<RolloutGroup> groups = make_groups(group_count, source->config().vocab_size);
  std::printf("%8s %8s %10s %10s %8s\n", "seconds", "tokens/s", "reduction", "optimizer", "share");
  for (int step = 0; step < steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    const StepMetrics metrics = learner.grpo_step(groups);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%8.2f %8.1f %10.3f %10.3f %6.1f %%\n", seconds,
                static_cast<double>(metrics.tokens) / seconds, metrics.reduction_seconds,
                metrics.optimizer_seconds,
                100 * (metrics.reduction_seconds + metrics.optimizer_seconds) / seconds);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace cogent::trainer

int main(int count, char** arguments) {
  if (std::getenv("COGENT_MODEL") == nullptr) {
    std::fputs("learner_bench: COGENT_MODEL names no model\n", stderr);
    return 2;
  }
  const bool fast = count > 1 && std::string_view(arguments[1]) == "fast";
  const int groups = count > 2 ? std::atoi(arguments[2]) : 2;
  const int steps = count > 3 ? std::atoi(arguments[3]) : 3;
  return cogent::trainer::run(fast ? cogent::Numerics::kFast : cogent::Numerics::kExact,
                              static_cast<std::uint32_t>(groups), steps);
}
