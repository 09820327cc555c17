#include "launch/in_loop_evaluation.hpp"

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/data/reader.hpp"

#include <algorithm>
#include <sstream>

namespace cogent::launch {
namespace {

std::vector<int> drawing_ranks(const StageContext& context) {
  std::vector<int> ranks;
  for (int rank = 0; rank < context.session.size(); ++rank) {
    // Where nobody is a worker (sft), everybody draws.
    if (context.topology.workers() == 0 || context.topology.seat(rank).worker >= 0) {
      ranks.push_back(rank);
    }
  }
  return ranks;
}

}  // namespace

GatheredPredictions predict_together(const StageContext& context, const model::Transformer& model,
                                     model::ModelWeights& weights, const text::Tokenizer& tokenizer,
                                     const data::PromptBuilder& prompts,
                                     distributed::Communicator& drawing,
                                     const std::vector<Example>& examples) {
  std::vector<Example> own;
  for (std::size_t i = static_cast<std::size_t>(drawing.rank()); i < examples.size();
       i += static_cast<std::size_t>(drawing.size())) {
    own.push_back(examples[i]);
  }
  std::string lines;
  rollout::EngineStatistics own_sampling;
  for (const rollout::Prediction& prediction :
       rollout::predict(context.config, model, weights, tokenizer, prompts, own, &own_sampling)) {
    lines += to_json_line(rollout::to_json(prediction)) + "\n";
  }
  wait_for_all(context.session, drawing_ranks(context));
  const auto gathered =
      distributed::all_gather_bytes(drawing, std::as_bytes(std::span(lines)), "predictions");
  std::vector<std::vector<rollout::Prediction>> by_rank;
  for (const auto& bytes : gathered) {
    std::istringstream stream(
        std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    JsonLineReader reader(stream, "a rank's predictions");
    std::vector<rollout::Prediction>& predictions = by_rank.emplace_back();
    while (auto line = reader.next()) {
      predictions.push_back(rollout::prediction_from_json(line->object, reader.where()));
    }
  }
  std::vector<rollout::EngineStatistics> sampling;
  for (const auto& bytes : distributed::all_gather_bytes(drawing, rollout::encode(own_sampling),
                                                         "sampling of the predictions")) {
    sampling.push_back(rollout::decode_statistics(bytes));
  }
  GatheredPredictions all{{}, rollout::together(sampling)};
  const auto samples = static_cast<std::size_t>(context.config.evaluate.samples);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    for (std::size_t sample = 0; sample < samples; ++sample) {
      all.predictions.push_back(
          std::move(by_rank[i % by_rank.size()].at(i / by_rank.size() * samples + sample)));
    }
  }
  return all;
}

InLoopEvaluation::InLoopEvaluation(const StageContext& context, const model::Transformer& model,
                                   model::ModelWeights& weights, const text::Tokenizer& tokenizer,
                                   const data::PromptBuilder& prompts,
                                   distributed::Communicator& drawing)
    : context_(context),
      model_(model),
      weights_(weights),
      tokenizer_(tokenizer),
      prompts_(prompts),
      drawing_(drawing),
      folder_(context.config) {
  const TrainSettings& train = context.config.train;
  if (train.eval_every > 0) {
    examples_ = data::read_examples(context.config.data.dev, data::Split::kDev);
    if (train.eval_limit > 0) {
      examples_.resize(std::min(examples_.size(), static_cast<std::size_t>(train.eval_limit)));
    }
  }
}

bool InLoopEvaluation::due(std::int64_t version) const {
  return due_last() && version % context_.config.train.eval_every == 0;
}

bool InLoopEvaluation::due_last() const {
  return context_.config.train.eval_every > 0;
}

void InLoopEvaluation::measure(std::int64_t version) {
  const auto [predictions, sampling] =
      predict_together(context_, model_, weights_, tokenizer_, prompts_, drawing_, examples_);
  if (drawing_.rank() != 0) {
    return;
  }
  const rollout::EvaluationSummary summary = rollout::summarise(predictions, context_.config);
  json::object line = rollout::to_json(summary);
  line["step"] = version;
  JsonLineFile(folder_.evaluations()).append(line);
  std::string text;
  for (const rollout::Prediction& prediction : predictions) {
    text += to_json_line(rollout::to_json(prediction)) + "\n";
  }
  write_file_atomic(folder_.predictions(version), text, ErrorCode::kData);
  log_info("evaluation of version ", version, ": ", rollout::one_line(summary));
  log_info("evaluation of version ", version, ": ", rollout::one_line(sampling));
}

}  // namespace cogent::launch
