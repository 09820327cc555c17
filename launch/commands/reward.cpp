#include "core/ner/reward.hpp"

#include "core/base/json_lines.hpp"
#include "core/config/config.hpp"
#include "core/data/reader.hpp"
#include "launch/cli.hpp"
#include "launch/filter.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {
namespace {

struct Options {
  std::string rules = "corrected";
  double f1_weight = RewardSettings{}.f1;
  double schema_weight = RewardSettings{}.schema;
  FilterOptions filter;
};

void run(const Options& options) {
  const MetricRules rules =
      options.rules == "reference" ? MetricRules::kReference : MetricRules::kCorrected;
  run_filter(
      options.filter,
      [&](const json::object& line, std::size_t index, const std::string& where) -> json::object {
        const Example example = data::example_from_json(line, static_cast<std::uint32_t>(index),
                                                        where, data::Gold::kRequired);
        const ner::RewardParts parts =
            ner::ner_reward(example, require_string(line, "completion", where), rules);
        return {{"f1", parts.f1},
                {"schema", parts.schema},
                {"reward", options.f1_weight * parts.f1 + options.schema_weight * parts.schema},
                {"parse", parts.parse}};
      });
}

}  // namespace

void add_reward(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("reward", "The training reward of completions (JSON lines)");
  command->footer("Example:\n  cogent reward --rules reference < completions.jsonl");
  command->add_option("--rules", options->rules, "metric.rules: reference or corrected")
      ->check(CLI::IsMember({"reference", "corrected"}));
  command->add_option("--f1-weight", options->f1_weight, "weight of F1 in the reward");
  command->add_option("--schema-weight", options->schema_weight,
                      "weight of the schema part in the reward");
  add_filter_options(*command, options->filter);
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
