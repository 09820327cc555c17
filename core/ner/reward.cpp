#include "core/ner/reward.hpp"

#include "core/ner/answer.hpp"
#include "core/ner/metric.hpp"

namespace cogent::ner {

RewardParts ner_reward(const Example& example, std::string_view completion, MetricRules rules) {
  const Answer answer = parse_answer(completion, example.schema, rules);
  return {completion_f1(gold_set(example.entities), answer, rules), answer.schema_reward,
          answer.parse};
}

}  // namespace cogent::ner
