#include "launch/cli.hpp"
#include "launch/stages.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {

void add_sft(CLI::App& program) {
  auto options = std::make_shared<StageOptions>();
  CLI::App* command = program.add_subcommand(
      "sft", "Stage 2, CoT tuning: supervised fine-tuning on chains of thought; every rank learns");
  command->footer(
      "Example:\n  mpirun -n 2 cogent sft configs/quickstart/sft.yaml run.dir=runs/sft");
  add_stage_options(*command, *options);
  command->callback([options] {
    const int status = run_stage(Stage::kSft, *options, run_sft);
    if (status != 0) {
      throw CLI::RuntimeError(status);
    }
  });
}

}  // namespace cogent::launch
