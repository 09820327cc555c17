#include "core/ner/gates.hpp"

#include "core/base/error.hpp"
#include "core/ner/answer.hpp"
#include "core/ner/schema.hpp"
#include "core/ner/unicode.hpp"

namespace cogent::ner {
namespace {

std::optional<Rejection> check_structure(const Example& example, const Answer& answer) {
  const auto reject = [](std::string reason) { return Rejection{"structure", std::move(reason)}; };
  if (answer.parse != "ok") {
    return reject(concat("the answer does not read: ", answer.parse));
  }
  const auto schema = normalise_schema(example.schema);
  for (const Mention& mention : answer.mentions) {
    if (mention.text.empty()) {
      return reject(concat("an entity of label \"", mention.label, "\" is empty"));
    }
    if (!in_schema(schema, mention.label)) {
      return reject(concat("the label \"", mention.label, "\" of \"", mention.text,
                           "\" is not in the schema"));
    }
    if (example.sentence.find(mention.text) == std::string::npos) {
      return reject(concat("the entity \"", mention.text, "\" is not in the sentence"));
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Rejection> structure_gate(const Example& example, std::string_view completion) {
  return check_structure(example,
                         parse_answer(completion, example.schema, MetricRules::kCorrected));
}

std::optional<Rejection> coverage_gate(std::string_view cot, std::span<const Mention> entities) {
  if (cot.empty()) {
    return Rejection{"coverage", "there is no chain of thought"};
  }
  const std::string chain = lower(cot);
  for (const Mention& mention : entities) {
    if (chain.find(lower(mention.text)) == std::string::npos) {
      return Rejection{"coverage",
                       concat("the chain does not mention the entity \"", mention.text, "\"")};
    }
  }
  return std::nullopt;
}

GateResult pass_gates(const Example& example, std::string_view completion) {
  const Answer answer = parse_answer(completion, example.schema, MetricRules::kCorrected);
  GateResult result;
  result.cot = find_chain(completion).value_or("");
  result.entities = answer.mentions;
  result.rejection = check_structure(example, answer);
  if (!result.rejection.has_value()) {
    result.rejection = coverage_gate(result.cot, result.entities);
  }
  return result;
}

}  // namespace cogent::ner
