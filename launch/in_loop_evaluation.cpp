#include "launch/in_loop_evaluation.hpp"

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/data/reader.hpp"
#include "launch/sft_batches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

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

// Chains are asked for, and gold completions without one are another task than what is trained.
void warn_of_missing_chains(const std::vector<Example>& examples) {
  const auto without =
      std::ranges::count_if(examples, [](const Example& example) { return !example.cot; });
  if (without > 0) {
    log_warning("data.dev: ", without, " of ", examples.size(),
                " examples have no chain of thought, which prompt.cot asks for: their loss is of "
                "the answer alone (cogent annotate writes chains)");
  }
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

std::vector<Example> development_examples(const RunConfig& config) {
  std::vector<Example> examples = data::read_examples(config.data.dev, data::Split::kDev);
  if (config.train.eval_limit > 0) {
    examples.resize(std::min(examples.size(), static_cast<std::size_t>(config.train.eval_limit)));
  }
  return examples;
}

InLoopEvaluation::InLoopEvaluation(const StageContext& context, Stage stage,
                                   const model::Transformer& model, model::ModelWeights& weights,
                                   const text::Tokenizer& tokenizer,
                                   const data::PromptBuilder& prompts,
                                   distributed::Communicator& drawing)
    : context_(context),
      model_(model),
      weights_(weights),
      tokenizer_(tokenizer),
      prompts_(prompts),
      drawing_(drawing),
      folder_(context.config) {
  const RunConfig& config = context.config;
  if (config.train.eval_every == 0) {
    return;
  }
  examples_ = development_examples(config);
  if (stage == Stage::kSft && config.train.eval != EvaluationMeasure::kF1) {
    if (config.prompt.cot && drawing.rank() == 0) {
      warn_of_missing_chains(examples_);
    }
    loss_.emplace(model, drawing,
                  sft_sequences(examples_, prompts, config.sft.max_length, "data.dev"),
                  config.learner.micro_batch_tokens);
  }
}

bool InLoopEvaluation::due(std::int64_t version) const {
  return due_last() && version % context_.config.train.eval_every == 0;
}

bool InLoopEvaluation::due_last() const {
  return context_.config.train.eval_every > 0;
}

bool InLoopEvaluation::draws_answers() const {
  return !loss_ || context_.config.train.eval == EvaluationMeasure::kBoth;
}

trainer::MeanLoss InLoopEvaluation::mean_loss() {
  std::vector<double> sums = loss_->own_sums(weights_);
  // Computing may take longer than a collective's deadline.
  wait_for_all(context_.session, drawing_ranks(context_));
  return loss_->mean(std::move(sums));
}

void InLoopEvaluation::measure(std::int64_t version) {
  std::optional<trainer::MeanLoss> loss;
  GatheredPredictions drawn;
  if (loss_) {
    loss = mean_loss();
  }
  if (draws_answers()) {
    drawn = predict_together(context_, model_, weights_, tokenizer_, prompts_, drawing_, examples_);
  }
  if (drawing_.rank() == 0) {
    record(version, loss, drawn);
  }
}

void InLoopEvaluation::record(std::int64_t version, const std::optional<trainer::MeanLoss>& loss,
                              const GatheredPredictions& drawn) const {
  json::object line = {{"step", version}};
  std::string facts;
  if (loss) {
    line["loss"] = loss->loss;
    line["tokens"] = loss->tokens;
    facts = fmt::format("loss {:.4f} over {} tokens", loss->loss, loss->tokens);
  }
  if (draws_answers()) {
    std::string text;
    for (const rollout::Prediction& prediction : drawn.predictions) {
      text += to_json_line(rollout::to_json(prediction)) + "\n";
    }
    write_file_atomic(folder_.predictions(version), text, ErrorCode::kData);
    const rollout::EvaluationSummary summary =
        rollout::summarise(drawn.predictions, context_.config);
    for (const auto& member : rollout::to_json(summary)) {
      line[member.key()] = member.value();
    }
    facts += (facts.empty() ? "" : "; ") + rollout::one_line(summary);
  }
  JsonLineFile(folder_.evaluations()).append(line);
  log_info("evaluation of version ", version, ": ", facts);
  if (draws_answers()) {
    log_info("evaluation of version ", version, ": ", rollout::one_line(drawn.sampling));
  }
}

}  // namespace cogent::launch
