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
#include "launch/tuned_prompt.hpp"
#include "launch/weight_type.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::launch {
namespace {

struct Options {
  ModelSettings model;
  std::string types;
  bool cot = false;
  std::int32_t max_tokens = 256;
  std::string template_file;  // empty: the run's, or the built-in wording
  std::string chat_template;  // empty: the run's, or the default
  std::int64_t batch = 64;
  FilterOptions filter;
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
json::object object_of(std::string_view line, const std::string& where) {
  return line.starts_with('{') ? parse_json_object(line, where) : json::object{{"text", line}};
}

Example example_of(const json::object& line, const std::vector<std::string>& types,
                   const std::string& where) {
  Example example;
  example.sentence = require_string(line, "text", where);
  example.schema = line.contains("types") ? require_strings(line, "types", where) : types;
  check(!example.schema.empty(), ErrorCode::kData, where,
        ": no entity types: give --types a,b or \"types\" in the line");
  return example;
}

// As the model was prompted when it was tuned, but for what the command line says.
RunConfig prompt_config(const Options& options, const LoadedModel& source) {
  RunConfig config = tuned_prompt(source.path).value_or(RunConfig());
  if (!options.template_file.empty()) {
    config.prompt.template_file = options.template_file;
  }
  if (!options.chat_template.empty()) {
    config.chat.format =
        options.chat_template == "own" ? ChatTemplate::kOwn : ChatTemplate::kReasoningNer;
  }
  return config;
}

void run(const Options& options) {
  const LoadedModel source = open_model(options.model.path);
  warn_of_slow_compute(options.model);
  const model::Transformer model(source.weights->config(), compute_ops(options.model));
  model::ModelWeights weights = model::load_weights(*source.weights, weight_type(options.model));
  const RunConfig config = prompt_config(options, source);
  const data::PromptBuilder prompts(config, source.tokenizer, model.config().eos_ids);
  const model::PanelScope panels(model, weights);
  rollout::Engine engine(model, weights, {.max_sequences = options.batch});
  const std::vector<std::string> types = split_types(options.types);
  const auto chain = options.cot ? rollout::ShowChain::kYes : rollout::ShowChain::kNo;
  const auto transform = [&](const std::vector<FilterLine>& lines) {
    std::vector<Example> examples;
    for (const FilterLine& line : lines) {
      examples.push_back(example_of(line.object, types, line.where));
    }
    std::vector<json::object> results;
    for (const rollout::Extraction& extraction :
         rollout::extract(engine, prompts, source.tokenizer, examples, options.max_tokens)) {
      results.push_back(rollout::to_json(extraction, chain));
    }
    return results;
  };
  const auto parse = [&](std::string_view text, const std::string& where) {
    json::object object = object_of(text, where);
    example_of(object, types, where);  // A bad line fails alone, not the batch that it is in.
    return object;
  };
  run_batch_filter(options.filter, static_cast<std::size_t>(options.batch), transform, parse);
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
                      "prompt template file; where absent that of the model's run folder, or the "
                      "built-in wording");
  command
      ->add_option("--chat-template", options->chat_template,
                   "own: the model's; reasoningner: the recipe's, by family; where absent that of "
                   "the model's run folder, or the default of chat.template")
      ->check(CLI::IsMember({"own", "reasoningner"}));
  command->add_option("--batch", options->batch, "lines at a time; 1 answers each line at once")
      ->check(CLI::Range(1, 4096));
  add_filter_options(*command, options->filter);
  command->get_option("--input")->description(
      "plain text lines, or JSON lines of {\"text\", \"types\"}; standard input where absent");
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
