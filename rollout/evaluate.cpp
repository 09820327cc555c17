#include "rollout/evaluate.hpp"

#include "core/ner/answer.hpp"
#include "rollout/completion_text.hpp"
#include "rollout/engine.hpp"
#include "rollout/greedy.hpp"
#include "rollout/reward/reward.hpp"

#include <utility>

namespace cogent::rollout {
namespace {

Prediction judge(const RunConfig& config, const std::vector<WeightedReward>& rewards,
                 const Example& example, std::string text, Completion completion) {
  const MetricRules rules = config.metric.rules;
  const ner::Answer answer = ner::parse_answer(text, example.schema, rules);
  score_completion(rewards, example, text, completion);
  Prediction prediction;
  prediction.example = example;
  prediction.example.cot.reset();
  prediction.completion = std::move(text);
  prediction.predicted = repaired(answer.mentions);
  prediction.parse = answer.parse;
  prediction.f1 = ner::completion_f1(ner::gold_set(example.entities), answer, rules);
  prediction.reward = completion.reward;
  prediction.tokens = static_cast<std::int64_t>(completion.ids.size());
  prediction.finish = completion.finish;
  return prediction;
}

ner::Score score_by(std::span<const Prediction> predictions, MetricRules rules) {
  ner::Score score;
  for (const Prediction& prediction : predictions) {
    score.add(prediction.example,
              ner::parse_answer(prediction.completion, prediction.example.schema, rules));
  }
  return score;
}

RuleScores rule_scores(const ner::Score& score) {
  return {ner::percent(score.total().f1()), score.mean_f1()};
}

}  // namespace

std::vector<Prediction> predict(const RunConfig& config, const model::Transformer& model,
                                model::ModelWeights& weights, const text::Tokenizer& tokenizer,
                                const data::PromptBuilder& prompts,
                                std::span<const Example> examples, EngineStatistics* statistics) {
  const std::int64_t budget = config.evaluate.max_new_tokens;
  std::vector<RolloutRequest> requests;
  requests.reserve(examples.size());
  for (const Example& example : examples) {
    RolloutRequest& request = requests.emplace_back(greedy_request(prompts, example, budget));
    request.stream = RandomStream::kEvaluation;
    request.seed = config.seed;
    request.group_size = static_cast<std::uint32_t>(config.evaluate.samples);
    request.sampling.temperature = config.evaluate.temperature;
  }
  Engine engine(model, weights,
                {.max_sequences = config.evaluate.batch,
                 .draft_rows = config.rollout.draft_rows,
                 .kv_cache_bytes = config.rollout.kv_cache_mb << 20});
  std::vector<RolloutGroup> groups = engine.generate(requests);
  if (statistics != nullptr) {
    *statistics = engine.statistics();
  }
  const auto rewards = make_rewards(config.reward, config.metric.rules, budget);
  std::vector<Prediction> predictions;
  predictions.reserve(examples.size() * static_cast<std::size_t>(config.evaluate.samples));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    std::int64_t sample = 0;
    for (Completion& completion : groups[i].completions) {
      std::string text = completion_text(tokenizer, completion);
      predictions.push_back(
          judge(config, rewards, examples[i], std::move(text), std::move(completion)));
      predictions.back().sample = sample++;
    }
  }
  return predictions;
}

EvaluationSummary summarise(std::span<const Prediction> predictions, const RunConfig& config) {
  EvaluationSummary summary;
  const ner::Score reference = score_by(predictions, MetricRules::kReference);
  const ner::Score corrected = score_by(predictions, MetricRules::kCorrected);
  summary.score = config.metric.rules == MetricRules::kReference ? reference : corrected;
  summary.reference = rule_scores(reference);
  summary.corrected = rule_scores(corrected);
  if (predictions.empty()) {
    return summary;
  }
  double well_formed = 0;
  double truncated = 0;
  for (const Prediction& prediction : predictions) {
    const ner::Answer answer =
        ner::parse_answer(prediction.completion, prediction.example.schema, config.metric.rules);
    well_formed += answer.entities_is_object ? 1 : 0;
    truncated += prediction.finish == Finish::kLength ? 1 : 0;
    summary.reward += prediction.reward;
    summary.completion_length += static_cast<double>(prediction.tokens);
  }
  const auto count = static_cast<double>(predictions.size());
  summary.format_rate = ner::percent(well_formed / count);
  summary.truncated_rate = ner::percent(truncated / count);
  summary.reward /= count;
  summary.completion_length /= count;
  return summary;
}

}  // namespace cogent::rollout
