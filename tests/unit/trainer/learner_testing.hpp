#pragma once

#include "trainer/learner.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// What the learner's tests share: groups of random tokens, settings of a tiny run, and that run.
namespace cogent::trainer::testing {

// Groups with lengths that differ, log-probabilities left for the learner.
std::vector<RolloutGroup> make_groups(std::int64_t vocab);

// Their completions as sequences of SFT, each a group of its own; lengths differ.
std::vector<TrainSequence> sequences_of_groups(std::int64_t vocab);
// Several micro-batches, mini-batches and passes a step, under `numerics: fast`.
RunConfig test_config();

// A policy from a fixture model (tests/fixtures/models) or a random one ("random:...") with its
// learner; a new adapter over it where config.lora asks for one. Collective.
struct TestLearner {
  TestLearner(const RunConfig& config, distributed::Communicator& learners,
              const std::string& fixture, std::int64_t steps);

  RunConfig config;
  std::unique_ptr<model::WeightSource> source;
  model::Adapter adapter;
  model::Transformer model;
  ShardedModel policy;
  FrozenWeights first_policy;  // the reference policy where all weights are trained
  Learner learner;
};

struct Outcome {
  StepMetrics metrics;  // of the last step
  std::uint64_t hash = 0;
  model::ModelWeights weights;  // whole
};
// Two steps over the same groups. Collective.
Outcome train(const RunConfig& config, distributed::Communicator& learners,
              const std::string& fixture);

// The largest relative norm of the difference of a unit's trained parameters.
double largest_difference(const model::ModelWeights& a, const model::ModelWeights& b);

}  // namespace cogent::trainer::testing
