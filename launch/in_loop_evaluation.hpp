#pragma once

#include "core/data/prompt_builder.hpp"
#include "core/records/records.hpp"
#include "core/text/tokenizer.hpp"
#include "distributed/communicator.hpp"
#include "launch/run_folder.hpp"
#include "launch/stage.hpp"
#include "rollout/evaluate.hpp"
#include "trainer/evaluation_loss.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace cogent::launch {

// The examples of an evaluation in the loop: data.dev, train.eval_limit of them at most.
std::vector<Example> development_examples(const RunConfig& config);

// Everybody's predictions, in the order of the examples, an example's samples in a row.
struct GatheredPredictions {
  std::vector<rollout::Prediction> predictions;
  rollout::EngineStatistics sampling;  // of all ranks together; its seconds are the clock's
};

// Draws this rank's share of the examples and gathers what all ranks drew. Collective over
// `drawing`.
GatheredPredictions predict_together(const StageContext& context, const model::Transformer& model,
                                     model::ModelWeights& weights, const text::Tokenizer& tokenizer,
                                     const data::PromptBuilder& prompts,
                                     distributed::Communicator& drawing,
                                     const std::vector<Example>& examples);

// Evaluation of the development set between steps, by the ranks that draw: answers to it, of which
// rank i draws examples i, i + R, ..., and in sft, whose drawing ranks are its learners, the loss,
// shared by cost; train.eval says which of the two. Their first rank writes evaluations.jsonl and
// predictions/. Constructed, and every method called, on the drawing ranks only.
class InLoopEvaluation {
 public:
  // `weights` are read anew by each measurement. All references must outlive the object. An Error
  // of kData where data.dev cannot be read or has nothing to measure. Not collective.
  InLoopEvaluation(const StageContext& context, Stage stage, const model::Transformer& model,
                   model::ModelWeights& weights, const text::Tokenizer& tokenizer,
                   const data::PromptBuilder& prompts, distributed::Communicator& drawing);

  // Whether train.eval_every asks for the version that is about to be trained on, and for the run's
  // last one.
  bool due(std::int64_t version) const;
  bool due_last() const;
  // Writes the line of this version, its predictions first. Collective over the drawing ranks.
  void measure(std::int64_t version);

 private:
  bool draws_answers() const;
  trainer::MeanLoss mean_loss();  // collective
  void record(std::int64_t version, const std::optional<trainer::MeanLoss>& loss,
              const GatheredPredictions& drawn) const;

  const StageContext& context_;
  const model::Transformer& model_;
  model::ModelWeights& weights_;
  const text::Tokenizer& tokenizer_;
  const data::PromptBuilder& prompts_;
  distributed::Communicator& drawing_;
  RunFolder folder_;
  std::vector<Example> examples_;
  std::optional<trainer::EvaluationLoss> loss_;  // where it is measured
};

}  // namespace cogent::launch
