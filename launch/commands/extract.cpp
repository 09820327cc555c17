#include "rollout/extract.hpp"

#include "core/base/json_lines.hpp"
#include "core/base/log.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/model/panels.hpp"
#include "core/model/transformer.hpp"
#include "core/ner/schema.hpp"
#include "launch/cli.hpp"
#include "launch/filter.hpp"
#include "launch/loaded_model.hpp"
#include "launch/weight_type.hpp"

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>
#include <memory>

namespace cogent::launch {
namespace {

struct Options {
  ModelSettings model;
  std::string types;
  bool cot = false;
  std::int32_t max_tokens = 256;
  std::string template_file;
  std::string input, output;
  bool keep_going = false;
};

std::vector<std::string> split_types(const std::string& list) {
  std::vector<std::string> types;
  std::istringstream stream(list);
  for (std::string type; std::getline(stream, type, ',');) {
    types.push_back(type);
  }
  return types;
}

// A line that is a JSON object, or plain text.
Example example_of(const std::string& line, const std::vector<std::string>& types,
                   const std::string& where) {
  Example example;
  if (line.starts_with("{")) {
    const json::object object = parse_json_object(line, where);
    example.sentence = require_string(object, "text", where);
    example.schema = object.contains("types") ? require_strings(object, "types", where) : types;
  } else {
    example.sentence = line;
    example.schema = types;
  }
  check(!example.schema.empty(), ErrorCode::kData, where,
        ": no entity types: give --types a,b or \"types\" in the line");
  return example;
}

void run(const Options& options) {
  const LoadedModel source = open_model(options.model.path);
  warn_of_slow_compute(options.model);
  const model::Transformer model(source.weights->config(), compute_ops(options.model));
  model::ModelWeights weights = model::load_weights(*source.weights, weight_type(options.model));
  RunConfig config;
  config.prompt.template_file = options.template_file;
  const data::PromptBuilder prompts(config, source.tokenizer, model.config().eos_ids);
  const model::PanelScope panels(model, weights);
  rollout::Engine engine(model, weights);
  const std::vector<std::string> types = split_types(options.types);
  std::ifstream input_file;
  std::ofstream output_file;
  if (!options.input.empty()) {
    input_file.open(options.input);
    check(input_file.good(), ErrorCode::kData, options.input, " cannot be opened for reading");
  }
  if (!options.output.empty()) {
    output_file.open(options.output);
    check(output_file.good(), ErrorCode::kData, options.output, " cannot be opened for writing");
  }
  std::istream& in = options.input.empty() ? std::cin : input_file;
  std::ostream& out = options.output.empty() ? std::cout : output_file;
  const std::string input_name = options.input.empty() ? "standard input" : options.input;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) {
      continue;
    }
    try {
      const Example example = example_of(line, types, concat(input_name, " line ", number));
      const rollout::Extraction extraction =
          rollout::extract(engine, prompts, source.tokenizer, example, options.max_tokens);
      out << to_json_line(rollout::to_json(
                 extraction, options.cot ? rollout::ShowChain::kYes : rollout::ShowChain::kNo))
          << '\n';
    } catch (const Error& error) {
      if (!options.keep_going) {
        throw;
      }
      out << to_json_line(json::object{{"error", error.what()}}) << '\n';
    }
    out.flush();
    check(out.good(), ErrorCode::kData,
          "the output cannot be written: is the disk full, or the reader gone?");
  }
  if (engine.statistics().completion_tokens > 0) {
    log_info(rollout::one_line(engine.statistics()));
  }
}

}  // namespace

void add_extract(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("extract", "Entities of text by a tuned model, with their offsets");
  command->footer(
      "Example:\n  echo 'Ada sailed to Bergen.' | cogent extract --model runs/grpo --types "
      "person,port --cot");
  command
      ->add_option("--model", options->model.path,
                   "Hugging Face directory, GGUF file, checkpoint or run folder")
      ->required();
  add_type_options(*command, options->model);
  command->add_option("--types", options->types, "entity types, separated by commas");
  command->add_flag("--cot", options->cot, "show the chain of thought");
  command->add_option("--max-tokens", options->max_tokens, "new tokens at most")
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("--template", options->template_file,
                      "prompt template file; the built-in wording where absent");
  command->add_option(
      "--input", options->input,
      "plain text lines, or JSON lines of {\"text\", \"types\"}; standard input where absent");
  command->add_option("--output", options->output, "file to write; standard output where absent");
  command->add_flag("--keep-going", options->keep_going,
                    "write {\"error\": ...} for a bad line and go on");
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
