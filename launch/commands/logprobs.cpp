#include "core/base/json_lines.hpp"
#include "core/model/panels.hpp"
#include "core/model/transformer.hpp"
#include "launch/cli.hpp"
#include "launch/filter.hpp"
#include "launch/loaded_model.hpp"
#include "launch/weight_type.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {
namespace {

struct Options {
  ModelSettings model;
  FilterOptions filter;
};

void run(const Options& options) {
  const LoadedModel source = open_model(options.model.path);
  warn_of_slow_compute(options.model);
  const model::Transformer model(source.weights->config(), compute_ops(options.model));
  model::ModelWeights weights = model::load_weights(*source.weights, weight_type(options.model));
  const model::PanelScope panels(model, weights);
  run_filter(options.filter,
             [&](const json::object& line, std::size_t, const std::string& where) -> json::object {
               const auto ids = require_ids(line, "ids", where);
               check(ids.size() >= 2, ErrorCode::kData, where, ": \"ids\" has ", ids.size(),
                     " tokens, at least 2 are needed");
               check(static_cast<std::int64_t>(ids.size()) <= model.config().max_positions,
                     ErrorCode::kData, where, ": \"ids\" has ", ids.size(),
                     " tokens, the model reads at most ", model.config().max_positions);
               for (const std::int32_t id : ids) {
                 check(id < model.config().vocab_size, ErrorCode::kData, where, ": token id ", id,
                       " is past the vocabulary of ", model.config().vocab_size);
               }
               json::array logprobs;
               for (const float logprob : model::sequence_logprobs(model, weights, ids)) {
                 logprobs.push_back(nine_digits(logprob));
               }
               return {{"logprobs", std::move(logprobs)}};
             });
}

}  // namespace

void add_logprobs(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand(
      "logprobs", "Log-probability of each token given those before it (JSON lines)");
  command->footer(
      "Example:\n  echo '{\"ids\": [504, 3575, 282]}' | cogent logprobs --model model.gguf");
  command
      ->add_option("--model", options->model.path,
                   "Hugging Face directory, GGUF file, checkpoint or run folder")
      ->required();
  add_type_options(*command, options->model);
  add_filter_options(*command, options->filter);
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
