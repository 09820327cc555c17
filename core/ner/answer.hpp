#pragma once

#include "core/config/run_config.hpp"
#include "core/records/records.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::ner {

// What a completion says, read by the table of cases in docs/metric.md.
struct Answer {
  std::vector<Mention> mentions;    // as predicted, in order: label normalised, text stripped; text
                                    // is generalised UTF-8 (core/ner/unicode.hpp)
  double schema_reward = 0;         // 1 or 0
  bool entities_is_object = false;  // the answer is an object with an object "entities", and was
                                    // read to its end
  // ok, or the first thing that is wrong: not_json, not_object, no_entities, entities_not_object,
  // label_value_null, label_value_number, label_value_boolean, label_value_string,
  // label_value_object, unclosed_answer, unclosed_json.
  std::string parse;
};

// Reads a completion against a schema in any case and order. Total: defined for every byte string.
Answer parse_answer(std::string_view completion, std::span<const std::string> schema,
                    MetricRules rules);

// The answer that holds these mentions, for predictions that come as entities and not as text.
Answer answer_of_mentions(std::span<const Mention> mentions, std::span<const std::string> schema);

// The chain of thought: what the first <think>...</think> holds, stripped. Nothing where there is
// none.
std::optional<std::string> find_chain(std::string_view completion);

// The part of a completion that should be JSON.
struct AnswerText {
  std::string text;
  std::string unclosed;  // unclosed_answer or unclosed_json where the rules give up, else empty
};

// Drops the chain, takes the first <answer>, then the first ```json block, strips; all of it twice.
AnswerText extract_answer_text(std::string_view completion, MetricRules rules);

}  // namespace cogent::ner
