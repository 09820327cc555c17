#include "core/ner/annotate.hpp"

#include "core/base/json_lines.hpp"
#include "core/base/log.hpp"
#include "core/config/config.hpp"
#include "core/data/reader.hpp"
#include "core/ner/descriptions.hpp"
#include "core/ner/prompt.hpp"
#include "launch/cli.hpp"
#include "launch/line_output.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cogent::launch {
namespace {

struct Options {
  std::string config_file;
  std::vector<std::string> overrides;
  std::string teacher, input, output, rejected, labels;
  std::optional<std::uint64_t> seed;
};

// The file's keys, under what the command line says.
RunConfig effective_config(const Options& options) {
  RunConfig config = load_config(options.config_file, options.overrides);
  if (!options.teacher.empty()) {
    config = parse_config(to_yaml(config), "configuration",
                          std::vector<std::string>{"annotate.teacher=" + options.teacher});
  }
  for (const auto& [value, key] : {std::pair(&options.input, &config.annotate.input),
                                   std::pair(&options.output, &config.annotate.output),
                                   std::pair(&options.rejected, &config.annotate.rejected),
                                   std::pair(&options.labels, &config.annotate.labels)}) {
    if (!value->empty()) {
      *key = *value;
    }
  }
  if (options.seed) {
    config.seed = *options.seed;
  }
  return config;
}

std::vector<Example> read_input(const std::string& path) {
  if (!path.empty()) {
    return data::read_examples(path, data::Split::kTrain);
  }
  std::vector<Example> examples;
  JsonLineReader reader(std::cin, "standard input");
  while (auto line = reader.next()) {
    examples.push_back(data::example_from_json(line->object,
                                               static_cast<std::uint32_t>(examples.size()),
                                               reader.where(), data::Gold::kRequired));
  }
  return examples;
}

void run(const Options& options) {
  const RunConfig config = effective_config(options);
  validate_config(config, Stage::kAnnotate, 1);
  check(config.annotate.teacher == Teacher::kRationale, ErrorCode::kUsage,
        "annotate.teacher=http and model are not built yet: use rationale, or bring NER-CoT "
        "records of your own");
  const ner::DescriptionBook descriptions = config.annotate.labels.empty()
                                                ? ner::DescriptionBook{}
                                                : ner::read_descriptions(config.annotate.labels);
  LineOutput output(config.annotate.output);
  std::optional<LineOutput> rejected;  // where no file is named, what a gate rejects is counted
  if (!config.annotate.rejected.empty()) {
    rejected.emplace(config.annotate.rejected);
    check(rejected->path() != output.path(), ErrorCode::kUsage,
          "annotate.output and annotate.rejected are both ", config.annotate.rejected,
          ": name two files");
  }
  const std::vector<Example> examples = read_input(config.annotate.input);
  std::size_t kept = 0;
  std::size_t lost = 0;
  for (const Example& example : examples) {
    // A chain that somebody wrote is kept, if it passes the gates.
    const ner::Annotation annotation =
        example.cot
            ? ner::annotate_with_completion(example,
                                            ner::render_completion(*example.cot, example.entities))
            : ner::annotate_with_rationale(example, descriptions.of(example.dataset), config.seed);
    if (!annotation.rejection) {
      output.write(annotation.record);
      ++kept;
    } else {
      if (rejected) {
        rejected->write(annotation.record);
      }
      ++lost;
    }
  }
  if (rejected) {
    rejected->finish();
  }
  output.finish();
  log_info("annotate: ", examples.size(), " sentences, ", kept, " kept, ", lost,
           " rejected by the gates");
}

}  // namespace

void add_annotate(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand(
      "annotate",
      "Stage 1, CoT generation: a chain of thought for each sentence, behind quality gates");
  command->footer(
      "Example:\n  cogent annotate --teacher rationale --input train.jsonl --output cot.jsonl "
      "--rejected rejected.jsonl");
  command->add_option("--config", options->config_file, "YAML file of the run's keys");
  command->add_option("overrides", options->overrides, "key=value, applied in order over the file");
  command->add_option("--teacher", options->teacher, "rationale: deterministic, from gold entities")
      ->check(CLI::IsMember({"rationale", "http", "model"}));
  command->add_option("--input", options->input,
                      "data file; JSON lines on standard input where absent");
  command->add_option("--output", options->output, "NER-CoT lines; standard output where absent");
  command->add_option("--rejected", options->rejected,
                      "what a gate rejected, with \"gate\" and \"reason\"");
  command->add_option("--labels", options->labels, "JSON file of label descriptions");
  command->add_option("--seed", options->seed, "of the wording");
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
