#pragma once

#include "core/data/prompt_builder.hpp"
#include "core/records/records.hpp"
#include "distributed/communicator.hpp"
#include "launch/stage.hpp"
#include "launch/step_rollouts.hpp"
#include "rollout/worker.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace cogent::launch {

// From a step's number to its groups on every learner: who draws which prompts, in how many rounds,
// and how the groups get from the workers to the learners. Every rank computes rows and dispatch
// alone; only what was drawn travels. All references must outlive this.
class StepSampling {
 public:
  // `worker`: null where this rank is none. `learners`: null where this rank is none.
  StepSampling(StageContext& context, std::span<const Example> examples,
               const data::PromptBuilder& prompts, rollout::Worker* worker,
               distributed::Communicator* learners);

  // Draws the step and hands it to the learners, which get its groups; a rank that is only a worker
  // gets none. Collective over the world.
  StepRollouts sample(std::int64_t step);

 private:
  using DrawnGroups = std::map<std::uint32_t, RolloutGroup>;  // by row

  // This worker's share of a round's rows, drawn and scored; nothing where this rank is none.
  void draw(std::int64_t step, std::int64_t round, std::span<const std::uint32_t> round_rows,
            DrawnGroups& drawn);
  // Draws rounds until the step has its groups, or may not or cannot go on. Returns the rows to
  // train on. Collective over the world.
  std::vector<std::uint32_t> draw_rounds(std::int64_t step, DrawnGroups& drawn,
                                         StepRollouts& rollouts);
  // What the round's workers know of its rows, on every rank. Collective over the world.
  std::vector<rollout::CandidateFacts> exchange_facts(std::span<const std::uint32_t> round_rows,
                                                      const DrawnGroups& drawn);
  // How this worker drew the step, to learner 0, and its groups to their learners.
  void send(std::int64_t step, std::span<const std::uint32_t> kept, DrawnGroups& drawn);
  // How all workers drew the step; on learner 0 alone.
  rollout::EngineStatistics collect_statistics();
  // The groups of these rows in their order. Collective over the learners.
  std::vector<RolloutGroup> collect(std::int64_t step, std::span<const std::uint32_t> kept);

  StageContext& context_;
  const RunConfig& config_;
  std::span<const Example> examples_;
  const data::PromptBuilder& prompts_;
  rollout::Worker* worker_;
  distributed::Communicator* learners_;
};

}  // namespace cogent::launch
