#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/data/reader.hpp"
#include "launch/in_loop_evaluation.hpp"
#include "launch/kv_cache_check.hpp"
#include "launch/loaded_model.hpp"
#include "launch/stages.hpp"
#include "launch/weight_type.hpp"

#include <iostream>
#include <optional>

namespace cogent::launch {

void run_evaluate(StageContext& context, SummaryFormat format) {
  const RunConfig& config = context.config;
  const RunFolder folder(config);
  const bool has_test = !config.data.test.empty();
  std::optional<LoadedModel> source;
  std::vector<Example> examples;
  agree(context.session, [&] {
    source = open_model(config.model.path);
    examples = data::read_examples(has_test ? config.data.test : config.data.dev,
                                   has_test ? data::Split::kTest : data::Split::kDev);
    check_kv_cache(config, Stage::kEvaluate, *source);
    if (context.session.rank() == 0) {
      RunFolder::prepare(config, context.fresh ? ExistingRun::kRefuse : ExistingRun::kContinue);
    }
  });
  log_to_file(folder.log(context.session.rank()).string());
  compare_parameter_counts(context.session, model::parameter_count(source->weights->config()));
  const model::Transformer model(source->weights->config(), compute_ops(config.model));
  model::ModelWeights weights = model::load_weights(*source->weights, weight_type(config.model));
  const data::PromptBuilder prompts(config, source->tokenizer, model.config().eos_ids);
  const auto [predictions, drawn] = predict_together(context, model, weights, source->tokenizer,
                                                     prompts, context.session.world(), examples);
  if (context.session.rank() != 0) {
    return;
  }
  const char* split = has_test ? "test" : "dev";
  std::string lines;
  for (const rollout::Prediction& prediction : predictions) {
    lines += to_json_line(rollout::to_json(prediction)) + "\n";
  }
  write_file_atomic(folder.dir() / "predictions" / (std::string(split) + ".jsonl"), lines,
                    ErrorCode::kData);
  const rollout::EvaluationSummary summary = rollout::summarise(predictions, config);
  json::object result = rollout::to_json(summary);
  result["model"] = source->path;
  result["split"] = split;
  write_file_atomic(folder.dir() / "evaluation.json", to_json_line(result) + "\n",
                    ErrorCode::kData);
  json::object sampling = rollout::to_json(drawn);
  sampling["seconds"] = drawn.seconds;
  write_file_atomic(folder.sampling(), to_json_line(sampling) + "\n", ErrorCode::kData);
  if (format == SummaryFormat::kJson) {
    result["sampling"] = std::move(sampling);
    std::cout << to_json_line(result) << '\n';
  } else {
    std::cout << rollout::one_line(drawn) << "\n\n" << rollout::table(summary);
  }
}

}  // namespace cogent::launch
