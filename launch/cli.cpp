#include "launch/cli.hpp"

#include "core/base/error.hpp"
#include "launch/line_output.hpp"
#include "launch/version.hpp"

#include <CLI/CLI.hpp>

namespace cogent::launch {
namespace {

int parse_and_run(int argc, char** argv) {
  CLI::App program("Cogent tunes language models to reason before they extract named entities.",
                   "cogent");
  program.require_subcommand(1);
  program.set_version_flag("--version", version_line());
  program.footer(
      "cogent COMMAND --help shows an example. Stages run alone or under mpirun and srun.");
  // The method's order: stages, what a tuned model does, filters, housekeeping.
  add_annotate(program);
  add_sft(program);
  add_grpo(program);
  add_evaluate(program);
  add_extract(program);
  add_generate(program);
  add_tokenize(program);
  add_chat(program);
  add_logprobs(program);
  add_score(program);
  add_reward(program);
  add_export(program);
  add_plan(program);
  add_report(program);
  add_config(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return program.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return program.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return program.exit(version);
  } catch (const CLI::RuntimeError& end) {
    return end.get_exit_code();  // a stage's status, which has been told already
  } catch (const CLI::ParseError& error) {
    fail(ErrorCode::kUsage, error.what(),
         " (cogent --help lists the commands, cogent COMMAND --help their options)");
  }
  return 0;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  const int status = parse_and_run(argc, argv);
  flush_standard_output();
  return status;
}

}  // namespace cogent::launch
