#include "core/ner/answer.hpp"

#include "core/ner/normalise.hpp"
#include "core/ner/python_json.hpp"
#include "core/ner/schema.hpp"
#include "core/ner/unicode.hpp"

#include <algorithm>

namespace cogent::ner {
namespace {

// The reference asks each value for its members, and fails where a value has none to give.
bool has_no_members(JsonKind kind) {
  return kind == JsonKind::kNull || kind == JsonKind::kBoolean || kind == JsonKind::kNumber;
}

const char* value_fault(JsonKind kind) {
  switch (kind) {
    case JsonKind::kNull:
      return "label_value_null";
    case JsonKind::kBoolean:
      return "label_value_boolean";
    case JsonKind::kNumber:
      return "label_value_number";
    case JsonKind::kString:
      return "label_value_string";
    case JsonKind::kObject:
      return "label_value_object";
    case JsonKind::kArray:
      break;
  }
  return "ok";
}

// The mention texts that the reference reads from one label's value.
std::vector<std::string> reference_texts(const PythonJson& value) {
  std::vector<std::string> texts;
  for (const PythonJson& item : value.items) {
    if (item.kind == JsonKind::kString) {
      texts.push_back(item.text);
    }
  }
  if (value.kind == JsonKind::kString) {
    for (const char32_t letter : code_points(value.text)) {
      append_utf8(texts.emplace_back(), letter);
    }
  }
  for (const PythonJsonMember& member : value.members) {
    texts.push_back(member.key);
  }
  return texts;
}

std::vector<std::string> corrected_texts(const PythonJson& value) {
  if (value.kind == JsonKind::kString) {
    return {value.text};
  }
  return value.kind == JsonKind::kArray ? reference_texts(value) : std::vector<std::string>();
}

// Why the values are not all lists: the first that the reference fails at, else the first other.
std::string values_fault(const PythonJson& entities) {
  std::string fault = "ok";
  for (const auto& [key, value] : entities.members) {
    if (has_no_members(value.kind)) {
      return value_fault(value.kind);
    }
    if (fault == "ok") {
      fault = value_fault(value.kind);
    }
  }
  return fault;
}

Answer read_entities(const PythonJson& entities, std::span<const std::string> schema,
                     MetricRules rules) {
  Answer answer;
  answer.parse = values_fault(entities);
  const bool is_reference = rules == MetricRules::kReference;
  const bool reference_fails =
      std::any_of(entities.members.begin(), entities.members.end(),
                  [](const PythonJsonMember& member) { return has_no_members(member.value.kind); });
  if (is_reference && reference_fails) {
    return answer;
  }
  answer.entities_is_object = true;
  bool labels_are_known = true;
  for (const auto& [key, value] : entities.members) {
    const std::string label = normalise_label(key);
    const auto texts = is_reference ? reference_texts(value) : corrected_texts(value);
    for (const std::string& text : texts) {
      answer.mentions.push_back({strip(text), label});
    }
    labels_are_known = labels_are_known && (texts.empty() || in_schema(schema, label));
  }
  const bool values_are_good = is_reference || answer.parse == "ok";
  answer.schema_reward = labels_are_known && values_are_good ? 1 : 0;
  return answer;
}

Answer no_entities(double schema_reward, const char* reason) {
  Answer answer;
  answer.schema_reward = schema_reward;
  answer.parse = reason;
  return answer;
}

}  // namespace

Answer parse_answer(std::string_view completion, std::span<const std::string> schema,
                    MetricRules rules) {
  const AnswerText text = extract_answer_text(completion, rules);
  if (!text.unclosed.empty()) {
    return no_entities(0, text.unclosed.c_str());
  }
  const PythonJsonResult json = parse_python_json(text.text);
  if (!json.value.has_value()) {
    return no_entities(0, "not_json");
  }
  const double empty_reward = rules == MetricRules::kReference ? 1 : 0;
  if (json.value->kind != JsonKind::kObject) {
    return no_entities(empty_reward, "not_object");
  }
  const PythonJson* entities = json.value->find("entities");
  if (entities == nullptr) {
    return no_entities(empty_reward, "no_entities");
  }
  if (entities->kind != JsonKind::kObject) {
    return no_entities(0, "entities_not_object");
  }
  return read_entities(*entities, normalise_schema(schema), rules);
}

Answer answer_of_mentions(std::span<const Mention> mentions, std::span<const std::string> schema) {
  Answer answer;
  answer.mentions = clean_mentions(mentions);
  answer.entities_is_object = true;
  answer.parse = "ok";
  const auto known = normalise_schema(schema);
  answer.schema_reward = std::all_of(answer.mentions.begin(), answer.mentions.end(),
                                     [&](const Mention& m) { return in_schema(known, m.label); })
                             ? 1
                             : 0;
  return answer;
}

}  // namespace cogent::ner
