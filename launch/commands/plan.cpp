#include "core/config/config.hpp"
#include "launch/cli.hpp"
#include "launch/plan/run_plan.hpp"
#include "launch/run_shape.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cogent::launch {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> overrides;
  std::string stage = "grpo";
  int ranks = 0;
  bool json = false;
};

// The stages that a plan is made for: annotate starts no world.
std::map<std::string, Stage> planned_stages() {
  std::map<std::string, Stage> stages = stages_by_name();
  stages.erase("annotate");
  return stages;
}

// The ranks that the configuration itself asks for.
int usual_ranks(const RunConfig& config, Stage stage) {
  const bool workers_too = stage == Stage::kGrpo && config.rollout.replay.empty() &&
                           config.cluster.placement == Placement::kSeparate;
  return config.cluster.learners + (workers_too ? config.cluster.workers : 0);
}

void run(const Options& options) {
  const RunConfig config = load_config(options.file, options.overrides);
  const Stage stage = stages_by_name().at(options.stage);
  const RunPlan plan =
      plan_run(config, stage, options.ranks > 0 ? options.ranks : usual_ranks(config, stage));
  std::cout << (options.json ? to_json_line(plan_json(plan)) + "\n" : plan_text(plan));
}

}  // namespace

void add_plan(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand(
      "plan", "What a run will need before it starts: memory by role and part, steps, bytes");
  command->footer(
      "Example:\n  cogent plan configs/quickstart/grpo.yaml model.path=runs/quickstart/sft -n 2");
  command->add_option("config", options->file, "YAML file of the run's keys")->required();
  command->add_option("overrides", options->overrides, "key=value, applied in order");
  command->add_option("--stage", options->stage, "sft, grpo or evaluate")
      ->check(CLI::IsMember(planned_stages()));
  command
      ->add_option("-n,--ranks", options->ranks,
                   "ranks of the run; as many as cluster.* says where it is left out")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", options->json, "one JSON object, in bytes, in place of the text");
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
