#include "tests/unit/trainer/learner_testing.hpp"

#include "core/base/philox.hpp"
#include "core/config/working_weights.hpp"
#include "core/model/weights/random_weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace cogent::trainer::testing {
namespace {

std::string fixture_model(const std::string& name) {
  if (name.starts_with(model::kRandomPrefix)) {
    return name;
  }
  const char* fixtures = std::getenv("COGENT_FIXTURES");
  return std::string(fixtures == nullptr ? "tests/fixtures" : fixtures) + "/models/" + name;
}

model::Adapter new_adapter(const RunConfig& config, const model::ModelConfig& model) {
  if (config.lora.rank == 0) {
    return {};
  }
  return model::new_adapter(model,
                            {.rank = config.lora.rank,
                             .alpha = config.lora.alpha,
                             .targets = model::lora_targets(config.lora.targets, "lora.targets")},
                            config.seed);
}

at::ScalarType scalar_type(WeightType type) {
  return type == WeightType::kBFloat16 ? at::kBFloat16 : at::kFloat;
}

at::ScalarType weight_type(const RunConfig& config) {
  return scalar_type(working_weights(config.model));
}

}  // namespace

std::vector<RolloutGroup> make_groups(std::int64_t vocab) {
  std::vector<RolloutGroup> groups;
  for (std::uint32_t g = 0; g < 5; ++g) {
    RolloutGroup& group = groups.emplace_back();
    group.prompt_id = g;
    const auto token = [&](std::uint32_t position, std::uint32_t completion) {
      return static_cast<std::int32_t>(
          draw_below(static_cast<std::uint32_t>(vocab),
                     {.seed = 3, .position = position, .completion = completion, .prompt = g}));
    };
    for (std::uint32_t i = 0; i < 4 + g; ++i) {
      group.prompt_ids.push_back(token(i, 0));
    }
    for (std::uint32_t c = 0; c < 3; ++c) {
      Completion& completion = group.completions.emplace_back();
      for (std::uint32_t i = 0; i < 2 + (g + 2 * c) % 5; ++i) {
        completion.ids.push_back(token(i, c + 1));
      }
      completion.reward = std::sin(static_cast<double>(g * 3 + c));
    }
  }
  return groups;
}

std::vector<TrainSequence> sequences_of_groups(std::int64_t vocab) {
  std::vector<TrainSequence> sequences;
  for (const RolloutGroup& group : make_groups(vocab)) {
    for (const Completion& completion : group.completions) {
      TrainSequence& sequence = sequences.emplace_back();
      sequence.prompt_ids = group.prompt_ids;
      sequence.completion_ids = completion.ids;
      sequence.group = static_cast<std::uint32_t>(sequences.size());
    }
  }
  return sequences;
}

RunConfig test_config() {
  RunConfig config;
  config.numerics = Numerics::kFast;
  config.optimizer.lr = 1e-3;
  config.optimizer.warmup_ratio = 0;
  config.optimizer.weight_decay = 0.1;
  config.learner.micro_batch_tokens = 24;
  config.grpo.num_iterations = 2;
  config.grpo.mini_batch_prompts = 2;
  config.rollout.max_new_tokens = 8;
  return config;
}

TestLearner::TestLearner(const RunConfig& run, distributed::Communicator& learners,
                         const std::string& fixture, std::int64_t steps)
    : config(run),
      source(model::open_weights(fixture_model(fixture))),
      adapter(new_adapter(run, source->config())),
      model(source->config(), model::cpu_ops(scalar_type(config.model.compute)), adapter.lora),
      policy(model, learners, config.learner, config.numerics, weight_type(config)),
      first_policy(model, learners, config.learner, weight_type(config)),
      learner(config, model, learners, policy, adapter.lora.on() ? policy.frozen() : &first_policy,
              steps * grpo_updates(config, 0)) {
  policy.load(*source, adapter.lora.on() ? &adapter : nullptr);
  if (!adapter.lora.on()) {
    first_policy.load(*source);
  }
}

Outcome train(const RunConfig& config, distributed::Communicator& learners,
              const std::string& fixture) {
  TestLearner run(config, learners, fixture, 2);
  const std::vector<RolloutGroup> groups = make_groups(run.model.config().vocab_size);
  run.learner.grpo_step(groups);
  Outcome outcome;
  outcome.metrics = run.learner.grpo_step(groups);
  outcome.hash = run.policy.weights_xxh3();
  const WholeWeights whole(run.policy);
  outcome.weights = run.policy.weights();
  return outcome;
}

double largest_difference(const model::ModelWeights& a, const model::ModelWeights& b) {
  double largest = 0;
  for (std::size_t unit = 0; unit < a.trained().size(); ++unit) {
    const float* x = a.trained()[unit].const_data_ptr<float>();
    const float* y = b.trained()[unit].const_data_ptr<float>();
    double difference = 0;
    double norm = 0;
    for (std::int64_t i = 0; i < a.trained()[unit].numel(); ++i) {
      difference += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
      norm += std::pow(static_cast<double>(x[i]), 2);
    }
    const double relative = std::sqrt(difference / std::max(norm, 1e-30));
    if (!std::isfinite(relative)) {
      return std::numeric_limits<double>::infinity();
    }
    largest = std::max(largest, relative);
  }
  return largest;
}

}  // namespace cogent::trainer::testing
