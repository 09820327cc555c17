#include "launch/step_sampling.hpp"

#include "core/base/fault.hpp"
#include "core/base/log.hpp"
#include "launch/run_shape.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

namespace cogent::launch {
namespace {

constexpr int kGroupTag = 2;       // a worker's groups for one learner
constexpr int kStatisticsTag = 4;  // how a worker drew them, for learner 0

// A line every ten seconds while a round's completions are drawn.
class SamplingProgress {
 public:
  SamplingProgress(std::int64_t step, std::int64_t round) : step_(step), round_(round) {}

  void operator()(const rollout::EngineProgress& state) {
    const Clock::time_point now = Clock::now();
    if (now - last_ < std::chrono::seconds(10)) {
      return;
    }
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    log_info("grpo step ", step_ + 1, round_ > 0 ? concat(", round ", round_ + 1) : "", ": ",
             state.finished, " of ", state.completions, " completions, ",
             std::llround(static_cast<double>(state.completion_tokens) / seconds), " tokens/s");
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::int64_t step_, round_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

std::vector<int> iota(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

StepSampling::StepSampling(StageContext& context, std::span<const Example> examples,
                           const data::PromptBuilder& prompts, rollout::Worker* worker,
                           distributed::Communicator* learners)
    : context_(context),
      config_(context.config),
      examples_(examples),
      prompts_(prompts),
      worker_(worker),
      learners_(learners) {}

StepRollouts StepSampling::sample(std::int64_t step) {
  StepRollouts rollouts;
  DrawnGroups drawn;
  std::vector<std::uint32_t> kept;
  if (config_.grpo.dynamic_sampling) {
    kept = draw_rounds(step, drawn, rollouts);
  } else {
    kept = grpo_rows(config_, examples_.size(), step, 0);
    draw(step, 0, kept, drawn);
  }
  if (worker_ != nullptr) {
    send(step, kept, drawn);
  }
  if (learners_ == nullptr) {
    return rollouts;
  }
  if (context_.seat().learner == 0) {
    rollouts.sampling = collect_statistics();
  }
  rollouts.groups = collect(step, kept);
  if (!rollouts.candidates) {
    for (const RolloutGroup& group : rollouts.groups) {
      rollouts.lost_completions +=
          config_.rollout.group_size - static_cast<std::int64_t>(group.completions.size());
    }
  }
  return rollouts;
}

void StepSampling::draw(std::int64_t step, std::int64_t round,
                        std::span<const std::uint32_t> round_rows, DrawnGroups& drawn) {
  if (worker_ == nullptr) {
    return;
  }
  std::vector<std::uint32_t> own;
  std::vector<RolloutRequest> requests;
  std::vector<Example> examples;
  for (std::size_t j = 0; j < round_rows.size(); ++j) {
    if (context_.topology.worker_of_prompt(static_cast<std::int64_t>(j)) !=
        context_.seat().worker) {
      continue;
    }
    const Example& example = examples_[round_rows[j]];
    own.push_back(round_rows[j]);
    requests.push_back(worker_->request(prompts_.prompt_ids(example), example.row,
                                        static_cast<std::uint32_t>(step),
                                        static_cast<std::uint32_t>(round)));
    examples.push_back(example);
  }
  std::vector<RolloutGroup> groups = worker_->draw(
      requests, examples, static_cast<std::uint32_t>(step), SamplingProgress(step, round));
  for (std::size_t i = 0; i < own.size(); ++i) {
    drawn.emplace(own[i], std::move(groups[i]));
  }
}

std::vector<std::uint32_t> StepSampling::draw_rounds(std::int64_t step, DrawnGroups& drawn,
                                                     StepRollouts& rollouts) {
  const std::int64_t wanted = config_.rollout.prompts_per_step;
  rollout::CandidateChoice choice(static_cast<std::size_t>(wanted));
  for (std::int64_t round = 0; round < config_.grpo.max_rounds && !choice.full(); ++round) {
    const std::vector<std::uint32_t> round_rows = grpo_rows(config_, examples_.size(), step, round);
    if (round_rows.empty()) {
      break;  // every row of the data was a candidate
    }
    if (round > 0) {
      fault_point("round", step);
    }
    draw(step, round, round_rows, drawn);
    choice.add_round(exchange_facts(round_rows, drawn));
  }
  const rollout::CandidateCounts& counts = choice.counts();
  rollouts.candidates = counts;
  rollouts.lost_completions = counts.candidates * config_.rollout.group_size - counts.completions;
  if (!choice.full() && context_.seat().learner == 0) {
    log_warning("step ", step + 1, ": of ", counts.candidates, " prompts in ", counts.rounds,
                " rounds, ", choice.kept().size(), " have rewards that differ, ", wanted,
                " are wanted: ", choice.kept().empty() ? "no update" : "the step trains on these");
  }
  return choice.kept();
}

std::vector<rollout::CandidateFacts> StepSampling::exchange_facts(
    std::span<const std::uint32_t> round_rows, const DrawnGroups& drawn) {
  // Each value comes from one rank and is 0 on all others, so that their sum is it, bit by bit.
  constexpr std::size_t kValues = 3;
  std::vector<double> values(kValues * round_rows.size(), 0.0);
  for (std::size_t j = 0; j < round_rows.size(); ++j) {
    if (const auto group = drawn.find(round_rows[j]); group != drawn.end()) {
      const auto facts = rollout::candidate_facts(round_rows[j], group->second);
      values[kValues * j] = static_cast<double>(facts.completions);
      values[kValues * j + 1] = facts.reward_sum;
      values[kValues * j + 2] = facts.rewards_differ ? 1 : 0;
    }
  }
  // Drawing may take longer than a collective's deadline.
  wait_for_all(context_.session, iota(context_.session.size()));
  context_.session.world()
      .all_reduce(distributed::Buffer(std::span(values)), distributed::ReduceOp::kSum,
                  "candidates of a round")
      .wait();
  std::vector<rollout::CandidateFacts> facts;
  for (std::size_t j = 0; j < round_rows.size(); ++j) {
    facts.push_back({.row = round_rows[j],
                     .completions = static_cast<std::int64_t>(values[kValues * j]),
                     .reward_sum = values[kValues * j + 1],
                     .rewards_differ = values[kValues * j + 2] != 0});
  }
  return facts;
}

void StepSampling::send(std::int64_t step, std::span<const std::uint32_t> kept,
                        DrawnGroups& drawn) {
  const distributed::Topology& topology = context_.topology;
  const rollout::EngineStatistics statistics = worker_->take_statistics();
  log_info("grpo step ", step + 1, ": ", rollout::one_line(statistics));
  context_.session.send(topology.learner_rank(0), kStatisticsTag, rollout::encode(statistics));
  std::vector<std::vector<RolloutGroup>> by_learner(static_cast<std::size_t>(topology.learners()));
  for (std::size_t j = 0; j < kept.size(); ++j) {
    if (const auto group = drawn.find(kept[j]); group != drawn.end()) {
      const int learner = topology.learner_of_prompt(static_cast<std::int64_t>(j));
      by_learner[static_cast<std::size_t>(learner)].push_back(std::move(group->second));
    }
  }
  for (std::size_t learner = 0; learner < by_learner.size(); ++learner) {
    context_.session.send(topology.learner_rank(static_cast<int>(learner)), kGroupTag,
                          encode_groups(by_learner[learner]));
  }
}

rollout::EngineStatistics StepSampling::collect_statistics() {
  const distributed::Topology& topology = context_.topology;
  std::vector<rollout::EngineStatistics> workers;
  for (int worker = 0; worker < topology.workers(); ++worker) {
    workers.push_back(rollout::decode_statistics(
        context_.session.receive(topology.worker_rank(worker), kStatisticsTag)));
  }
  return rollout::together(workers);
}

std::vector<RolloutGroup> StepSampling::collect(std::int64_t step,
                                                std::span<const std::uint32_t> kept) {
  const distributed::Topology& topology = context_.topology;
  std::vector<RolloutGroup> own;
  for (int worker = 0; worker < topology.workers(); ++worker) {
    for (RolloutGroup& group :
         decode_groups(context_.session.receive(topology.worker_rank(worker), kGroupTag))) {
      own.push_back(std::move(group));
    }
  }
  std::vector<int> learner_ranks;
  for (int learner = 0; learner < topology.learners(); ++learner) {
    learner_ranks.push_back(topology.learner_rank(learner));
  }
  wait_for_all(context_.session, learner_ranks);
  std::map<std::uint32_t, RolloutGroup> by_prompt;
  for (const auto& bytes :
       distributed::all_gather_bytes(*learners_, encode_groups(own), "records of the step")) {
    for (RolloutGroup& group : decode_groups(bytes)) {
      by_prompt[group.prompt_id] = std::move(group);
    }
  }
  std::vector<RolloutGroup> ordered;
  for (const std::uint32_t row : kept) {
    const auto group = by_prompt.find(examples_[row].row);
    check(group != by_prompt.end(), ErrorCode::kCommunication, "step ", step,
          " has no completions of prompt ", row);
    ordered.push_back(std::move(group->second));
  }
  return ordered;
}

}  // namespace cogent::launch
