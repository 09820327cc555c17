#pragma once

#include "core/data/prompt_builder.hpp"
#include "core/records/records.hpp"
#include "core/text/tokenizer.hpp"
#include "distributed/communicator.hpp"
#include "launch/run_folder.hpp"
#include "launch/stage.hpp"
#include "rollout/evaluate.hpp"

#include <cstdint>
#include <vector>

namespace cogent::launch {

// Evaluation of the development set between steps, by the ranks that draw: rank i takes
// examples i, i + R, ...; their first rank writes evaluations.jsonl and predictions/. Constructed,
// and every method called, on the drawing ranks only; collective over them.
class InLoopEvaluation {
 public:
  // `weights` are read anew by each measurement. All references must outlive the object. An Error
  // of kData where data.dev cannot be read.
  InLoopEvaluation(const StageContext& context, const model::Transformer& model,
                   model::ModelWeights& weights, const text::Tokenizer& tokenizer,
                   const data::PromptBuilder& prompts, distributed::Communicator& drawing);

  // Whether train.eval_every asks for the version that is about to be trained on, and for the run's
  // last one.
  bool due(std::int64_t version) const;
  bool due_last() const;
  void measure(std::int64_t version);

 private:
  const StageContext& context_;
  const model::Transformer& model_;
  model::ModelWeights& weights_;
  const text::Tokenizer& tokenizer_;
  const data::PromptBuilder& prompts_;
  distributed::Communicator& drawing_;
  RunFolder folder_;
  std::vector<Example> examples_;
};

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

}  // namespace cogent::launch
