#include "launch/cli.hpp"
#include "launch/stages.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {

void add_evaluate(CLI::App& program) {
  auto options = std::make_shared<StageOptions>();
  auto format = std::make_shared<SummaryFormat>(SummaryFormat::kTables);
  CLI::App* command =
      program.add_subcommand("evaluate", "Greedy evaluation by micro-F1; every rank draws");
  command->footer(
      "Example:\n  cogent evaluate configs/quickstart/evaluate.yaml model.path=runs/grpo "
      "run.dir=runs/eval");
  add_stage_options(*command, *options);
  command->add_flag_callback(
      "--json", [format] { *format = SummaryFormat::kJson; },
      "one JSON object in place of the tables: evaluation.json, and how it was drawn");
  command->callback([options, format] {
    const int status = run_stage(Stage::kEvaluate, *options, [format](StageContext& context) {
      run_evaluate(context, *format);
    });
    if (status != 0) {
      throw CLI::RuntimeError(status);
    }
  });
}

}  // namespace cogent::launch
