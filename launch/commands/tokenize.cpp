#include "core/base/json_lines.hpp"
#include "launch/cli.hpp"
#include "launch/filter.hpp"
#include "launch/loaded_model.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {
namespace {

struct Options {
  std::string model;
  bool decode = false;
  bool parse_special = false;
  bool skip_special = false;
  FilterOptions filter;
};

void run(const Options& options) {
  const text::Tokenizer tokenizer = open_model_tokenizer(options.model);
  run_filter(options.filter,
             [&](const json::object& line, std::size_t, const std::string& where) -> json::object {
               if (options.decode) {
                 const auto ids = require_ids(line, "ids", where);
                 return {{"text", tokenizer.decode(ids, options.skip_special
                                                            ? text::SpecialTokens::kSkip
                                                            : text::SpecialTokens::kKeep)}};
               }
               const std::string text = require_string(line, "text", where);
               return {{"ids", ids_json(tokenizer.encode(text, options.parse_special
                                                                   ? text::SpecialText::kParse
                                                                   : text::SpecialText::kPlain))}};
             });
}

}  // namespace

void add_tokenize(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("tokenize", "Text to token ids, or back (JSON lines)");
  command->footer(
      "Example:\n  echo '{\"text\": \"Ada met Grace.\"}' | cogent tokenize --model model.gguf");
  command
      ->add_option("--model", options->model,
                   "Hugging Face directory, GGUF file, checkpoint or run folder")
      ->required();
  command->add_flag("--decode", options->decode, "read {\"ids\": [...]}, write {\"text\": s}");
  command->add_flag("--parse-special", options->parse_special,
                    "special-token text in the input is the token");
  command->add_flag("--skip-special", options->skip_special,
                    "leave special tokens out when decoding");
  add_filter_options(*command, options->filter);
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
