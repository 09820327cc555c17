#include "core/base/json_lines.hpp"
#include "launch/cli.hpp"
#include "launch/conversation.hpp"
#include "launch/filter.hpp"
#include "launch/loaded_model.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {
namespace {

struct Options {
  std::string model;
  std::string format = "own";
  bool generation_prompt = false;
  FilterOptions filter;
};

void run(const Options& options) {
  const text::Tokenizer tokenizer = open_model_tokenizer(options.model);
  const auto format = options.format == "own" ? ChatTemplate::kOwn : ChatTemplate::kReasoningNer;
  const auto generation =
      options.generation_prompt ? text::GenerationPrompt::kYes : text::GenerationPrompt::kNo;
  run_filter(options.filter,
             [&](const json::object& line, std::size_t, const std::string& where) -> json::object {
               const std::string text =
                   render_messages(tokenizer, require_messages(line, where), format, generation);
               return {{"text", text},
                       {"ids", ids_json(tokenizer.encode(text, text::SpecialText::kParse))}};
             });
}

}  // namespace

void add_chat(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("chat", "Conversations by a chat template (JSON lines)");
  command->footer(
      "Example:\n  echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}' | cogent "
      "chat --model model.gguf --generation-prompt");
  command
      ->add_option("--model", options->model,
                   "Hugging Face directory, GGUF file, checkpoint or run folder")
      ->required();
  command
      ->add_option("--template", options->format,
                   "own: the model's; reasoningner: the recipe's, by family")
      ->check(CLI::IsMember({"own", "reasoningner"}));
  command->add_flag("--generation-prompt", options->generation_prompt,
                    "end where the assistant begins");
  add_filter_options(*command, options->filter);
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
