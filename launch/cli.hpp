#pragma once

namespace CLI {
class App;
}

namespace cogent::launch {

// Parses the command line, runs the command and returns the exit status. Errors leave as
// exceptions.
int run_command_line(int argc, char** argv);

// One function a command (launch/commands/NAME.cpp): adds the subcommand with its options, its
// example and its action to the program. An action that ends with another status than 0 throws.
void add_annotate(CLI::App& program);
void add_chat(CLI::App& program);
void add_config(CLI::App& program);
void add_evaluate(CLI::App& program);
void add_export(CLI::App& program);
void add_extract(CLI::App& program);
void add_generate(CLI::App& program);
void add_grpo(CLI::App& program);
void add_logprobs(CLI::App& program);
void add_plan(CLI::App& program);
void add_report(CLI::App& program);
void add_reward(CLI::App& program);
void add_score(CLI::App& program);
void add_sft(CLI::App& program);
void add_tokenize(CLI::App& program);

}  // namespace cogent::launch
