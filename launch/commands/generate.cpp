#include "core/base/json_lines.hpp"
#include "core/base/log.hpp"
#include "core/model/panels.hpp"
#include "core/model/transformer.hpp"
#include "launch/cli.hpp"
#include "launch/conversation.hpp"
#include "launch/filter.hpp"
#include "launch/loaded_model.hpp"
#include "launch/weight_type.hpp"
#include "rollout/completion_text.hpp"
#include "rollout/engine.hpp"
#include "rollout/stop_text.hpp"

#include <CLI/CLI.hpp>

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace cogent::launch {
namespace {

struct Options {
  ModelSettings model;
  std::uint32_t n = 1;
  std::int32_t max_tokens = 128;
  double temperature = 1;
  float top_p = 1;
  std::int32_t top_k = 0;
  float min_p = 0;
  float repetition_penalty = 1;
  std::vector<std::string> stop;
  std::uint64_t seed = 0;
  bool greedy = false;
  bool truncated_logprobs = false;
  std::int64_t batch = 64;
  FilterOptions filter;
};

std::vector<std::int32_t> prompt_ids(const json::object& line, const text::Tokenizer& tokenizer,
                                     const std::string& where) {
  if (line.contains("ids")) {
    return require_ids(line, "ids", where);
  }
  if (line.contains("messages")) {
    const std::string text = render_messages(tokenizer, require_messages(line, where),
                                             ChatTemplate::kOwn, text::GenerationPrompt::kYes);
    return tokenizer.encode(text, text::SpecialText::kParse);
  }
  check(line.contains("prompt"), ErrorCode::kData, where,
        ": one of \"prompt\", \"messages\" and \"ids\" is needed");
  return tokenizer.encode(require_string(line, "prompt", where));
}

RolloutRequest make_request(const Options& options, const FilterLine& line,
                            const text::Tokenizer& tokenizer,
                            const std::vector<std::int32_t>& end_ids) {
  RolloutRequest request;
  request.seed = options.seed;
  request.prompt_id = static_cast<std::uint32_t>(line.index);
  if (line.object.contains("id")) {
    const std::int64_t id = require_int(line.object, "id", line.where);
    check(id >= 0 && id <= std::numeric_limits<std::uint32_t>::max(), ErrorCode::kData, line.where,
          ": \"id\" is ", id, ", a number from 0 to 4294967295 is needed");
    request.prompt_id = static_cast<std::uint32_t>(id);
  }
  request.group_size = options.n;
  request.prompt_ids = prompt_ids(line.object, tokenizer, line.where);
  check(!request.prompt_ids.empty(), ErrorCode::kData, line.where, ": the prompt has no tokens");
  request.sampling = {.temperature = options.greedy ? 0 : options.temperature,
                      .top_p = options.top_p,
                      .top_k = options.top_k,
                      .min_p = options.min_p,
                      .repetition_penalty = options.repetition_penalty,
                      .max_new_tokens = options.max_tokens,
                      .stop_ids = end_ids,
                      .stop_texts = options.stop,
                      .truncated_logprobs = options.truncated_logprobs};
  return request;
}

json::array logprobs_json(std::span<const float> logprobs) {
  json::array values;
  for (const float logprob : logprobs) {
    values.push_back(nine_digits(logprob));
  }
  return values;
}

json::object completions_json(const RolloutGroup& group, const SamplingOptions& sampling,
                              const text::Tokenizer& tokenizer) {
  json::array completions;
  for (const Completion& completion : group.completions) {
    json::object shown_completion = {
        {"text", rollout::text_before_stop(tokenizer, completion, sampling)},
        {"ids", ids_json(completion.ids)},
        {"logprobs", logprobs_json(completion.logprobs)},
        {"finish", finish_name(completion.finish)}};
    if (!completion.truncated_logprobs.empty()) {
      shown_completion["truncated_logprobs"] = logprobs_json(completion.truncated_logprobs);
    }
    completions.push_back(std::move(shown_completion));
  }
  return {{"completions", std::move(completions)}};
}

void run(const Options& options) {
  rollout::check_stop_texts(options.stop);
  const LoadedModel source = open_model(options.model.path);
  warn_of_slow_compute(options.model);
  const model::Transformer model(source.weights->config(), compute_ops(options.model));
  model::ModelWeights weights = model::load_weights(*source.weights, weight_type(options.model));
  const std::vector<std::int32_t> end_ids =
      text::end_of_turn_ids(source.tokenizer, model.config().eos_ids);
  const model::PanelScope panels(model, weights);
  rollout::Engine engine(model, weights,
                         {.max_sequences = options.batch, .tokenizer = &source.tokenizer});
  const std::size_t lines_at_once =
      static_cast<std::size_t>(std::max<std::int64_t>(1, options.batch / options.n));
  run_batch_filter(options.filter, lines_at_once, [&](const std::vector<FilterLine>& lines) {
    std::vector<RolloutRequest> requests;
    for (const FilterLine& line : lines) {
      requests.push_back(make_request(options, line, source.tokenizer, end_ids));
    }
    std::vector<json::object> results;
    const std::vector<RolloutGroup> groups = engine.generate(requests);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      results.push_back(completions_json(groups[i], requests[i].sampling, source.tokenizer));
    }
    return results;
  });
  if (engine.statistics().completion_tokens > 0) {
    log_info(rollout::one_line(engine.statistics()));
  }
}

}  // namespace

void add_generate(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand(
      "generate", "Completions of prompts, with log-probabilities (JSON lines)");
  command->footer(
      "Example:\n  echo '{\"prompt\": \"The capital of Norway is\"}' | cogent generate --model "
      "model.gguf --max-tokens 8 --greedy");
  command
      ->add_option("--model", options->model.path,
                   "Hugging Face directory, GGUF file, checkpoint or run folder")
      ->required();
  add_type_options(*command, options->model);
  command->add_option("--n", options->n, "completions a prompt")->check(CLI::Range(1, 1 << 20));
  command->add_option("--max-tokens", options->max_tokens, "new tokens at most")
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("--temperature", options->temperature, "of the softmax; 0 is greedy")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--top-p", options->top_p, "likeliest tokens up to this mass; 1 is off")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--top-k", options->top_k, "likeliest tokens; 0 is off")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--min-p", options->min_p,
                   "tokens of at least this share of the largest probability; 0 is off")
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option("--repetition-penalty", options->repetition_penalty,
                   "divides positive logits of tokens that the prompt or the completion has, "
                   "multiplies the others; 1 is off")
      ->check(CLI::PositiveNumber);
  command->add_flag("--truncated-logprobs", options->truncated_logprobs,
                    "also the log-probabilities of the distribution that is drawn from");
  command
      ->add_option("--stop", options->stop,
                   "end a completion before this text; may be given several times")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command->add_option("--seed", options->seed, "of the random draws");
  command->add_flag("--greedy", options->greedy, "the likeliest token each time");
  command->add_option("--batch", options->batch, "sequences at a time")->check(CLI::Range(1, 4096));
  add_filter_options(*command, options->filter);
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
