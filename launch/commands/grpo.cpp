#include "launch/cli.hpp"
#include "launch/stages.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {

void add_grpo(CLI::App& program) {
  auto options = std::make_shared<StageOptions>();
  CLI::App* command = program.add_subcommand(
      "grpo", "Stage 3, reasoning enhancement: GRPO with separate worker and learner ranks");
  command->footer(
      "Example:\n  mpirun -n 2 cogent grpo configs/quickstart/grpo.yaml run.dir=runs/grpo");
  add_stage_options(*command, *options);
  command->callback([options] {
    const int status = run_stage(Stage::kGrpo, *options, run_grpo);
    if (status != 0) {
      throw CLI::RuntimeError(status);
    }
  });
}

}  // namespace cogent::launch
