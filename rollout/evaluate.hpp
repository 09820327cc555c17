#pragma once

#include "core/base/json_lines.hpp"
#include "core/config/run_config.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/model/transformer.hpp"
#include "core/ner/metric.hpp"
#include "core/text/tokenizer.hpp"
#include "rollout/engine_statistics.hpp"
#include "rollout/prediction.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cogent::rollout {

// Answers to the examples as the keys evaluate.* say, evaluate.samples of them in a row for each
// example. The random numbers depend on seed, row and sample alone, so two models are compared by
// the same draws. Where several workers share the examples, each predicts its own and the caller
// merges. `statistics`: where not null it gets how they were drawn.
std::vector<Prediction> predict(const RunConfig& config, const model::Transformer& model,
                                model::ModelWeights& weights, const text::Tokenizer& tokenizer,
                                const data::PromptBuilder& prompts,
                                std::span<const Example> examples,
                                EngineStatistics* statistics = nullptr);

// Micro F1 over all examples and the mean over data sets, in percent.
struct RuleScores {
  double f1 = 0;
  double mean_f1 = 0;
};

struct EvaluationSummary {
  ner::Score score;  // by the run's rules
  RuleScores reference, corrected;
  double format_rate = 0;        // answers that read as an object with entities, in percent
  double truncated_rate = 0;     // completions that ended at the token budget, in percent
  double reward = 0;             // mean
  double completion_length = 0;  // mean, tokens
};

EvaluationSummary summarise(std::span<const Prediction> predictions, const RunConfig& config);

// examples, precision, recall, f1, mean_f1, reference and corrected (f1, mean_f1), format_rate,
// truncated_rate, reward, completion_length, datasets, labels, parse. Rates are in percent.
json::object to_json(const EvaluationSummary& summary);
// For a terminal: one row a data set and a label.
std::string table(const EvaluationSummary& summary);
// For a log.
std::string one_line(const EvaluationSummary& summary);

}  // namespace cogent::rollout
