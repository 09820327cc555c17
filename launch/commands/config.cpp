#include "core/config/config.hpp"

#include "core/base/error.hpp"
#include "core/config/presets.hpp"
#include "launch/cli.hpp"
#include "launch/run_shape.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

namespace cogent::launch {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> overrides;
  std::string stage = "grpo";
  int world = 2;
  std::string key;
  bool all = false;
};

void explain(const Options& options) {
  check(options.all || !options.key.empty(), ErrorCode::kUsage,
        "name a key to explain, or give --all");
  std::cout << (options.all ? explain_all_markdown() : explain_key(options.key));
}

// The file may be left out in front of overrides.
void print_config(Options options) {
  if (options.file.find('=') != std::string::npos && !std::filesystem::exists(options.file)) {
    options.overrides.insert(options.overrides.begin(), std::exchange(options.file, ""));
  }
  std::cout << to_yaml(load_config(options.file, options.overrides));
}

void show_presets(const Options& options) {
  if (!options.key.empty()) {
    std::cout << find_preset(options.key, "config presets").yaml;
    return;
  }
  for (const Preset& preset : presets()) {
    std::cout << preset.name << "\n  " << preset.yaml.substr(2, preset.yaml.find('\n') - 1);
  }
}

}  // namespace

void add_config(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("config", "Print, check and explain configurations");
  command->require_subcommand(1);
  command->footer("Example:\n  cogent config print configs/quickstart/grpo.yaml optimizer.lr=1e-5");

  CLI::App* print =
      command->add_subcommand("print", "The complete configuration: every key, defaults included");
  print->add_option("config", options->file, "YAML file; defaults where absent");
  print->add_option("overrides", options->overrides, "key=value, applied in order");
  print->callback([options] { print_config(*options); });

  CLI::App* check_command =
      command->add_subcommand("check", "Check a configuration for a stage and a world size");
  check_command->add_option("config", options->file, "YAML file")->required();
  check_command->add_option("overrides", options->overrides, "key=value, applied in order");
  check_command->add_option("--stage", options->stage, "annotate, sft, grpo or evaluate")
      ->check(CLI::IsMember(stages_by_name()));
  check_command->add_option("--world", options->world, "ranks of the run")
      ->check(CLI::PositiveNumber);
  check_command->callback([options] {
    validate_config(load_config(options->file, options->overrides),
                    stages_by_name().at(options->stage), options->world);
    std::cout << "ok\n";
  });

  CLI::App* explain_command = command->add_subcommand("explain", "What a key means");
  explain_command->add_option("key", options->key, "for example grpo.beta");
  explain_command->add_flag("--all", options->all, "every key, as Markdown");
  explain_command->callback([options] { explain(*options); });

  CLI::App* presets_command =
      command->add_subcommand("presets", "The presets by name, or the keys of one as YAML");
  presets_command->add_option("name", options->key, "for example dapo");
  presets_command->callback([options] { show_presets(*options); });
}

}  // namespace cogent::launch
