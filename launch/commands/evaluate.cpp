#include "core/base/error.hpp"
#include "launch/cli.hpp"
#include "launch/stages.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {

void add_evaluate(CLI::App& program) {
  auto options = std::make_shared<StageOptions>();
  CLI::App* command =
      program.add_subcommand("evaluate", "Greedy evaluation by micro-F1; every rank draws");
  command->footer(
      "Example:\n  cogent evaluate configs/quickstart/evaluate.yaml model.path=runs/grpo "
      "run.dir=runs/eval");
  add_stage_options(*command, *options);
  command->callback([options] {
    const int status = run_stage(Stage::kEvaluate, *options, run_evaluate);
    if (status != 0) {
      throw CLI::RuntimeError(status);
    }
  });
}

}  // namespace cogent::launch
