#include "core/ner/annotate.hpp"

#include "core/ner/prompt.hpp"
#include "core/ner/schema.hpp"

#include <boost/json/array.hpp>

namespace cogent::ner {

json::object example_record(const Example& example) {
  json::object record;
  record["guid"] =
      concat(example.dataset.empty() ? "row" : example.dataset.c_str(), "-", example.row);
  record["dataset"] = example.dataset.empty() ? json::value(nullptr) : json::value(example.dataset);
  record["sentence"] = example.sentence;
  json::array schema;
  for (const std::string& label : example.schema) {
    schema.emplace_back(label);
  }
  record["schema"] = std::move(schema);
  if (example.cot.has_value()) {
    record["cot"] = *example.cot;
  }
  json::array entities;
  for (const Mention& mention : example.entities) {
    entities.push_back(json::object{{"text", mention.text}, {"label", mention.label}});
  }
  record["entities"] = std::move(entities);
  return record;
}

Annotation annotate_with_completion(const Example& example, std::string_view completion) {
  GateResult gates = pass_gates(example, completion);
  Example annotated = example;
  annotated.schema = normalise_schema(example.schema);
  annotated.entities = std::move(gates.entities);
  annotated.cot = std::move(gates.cot);
  Annotation annotation{example_record(annotated), std::move(gates.rejection)};
  if (annotation.rejection.has_value()) {
    annotation.record["gate"] = annotation.rejection->gate;
    annotation.record["reason"] = annotation.rejection->reason;
  }
  return annotation;
}

Annotation annotate_with_rationale(const Example& example, const LabelDescriptions& descriptions,
                                   std::uint64_t seed) {
  const std::string cot = write_rationale(example, descriptions, seed);
  return annotate_with_completion(example, render_completion(cot, clean_gold(example.entities)));
}

}  // namespace cogent::ner
