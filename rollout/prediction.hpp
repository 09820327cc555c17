#pragma once

#include "core/base/json_lines.hpp"
#include "core/records/records.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cogent::rollout {

// What a model answered to one example, and what that is worth.
struct Prediction {
  Example example;                 // without a chain of thought; entities are the gold ones
  std::int64_t sample = 0;         // which of the answers to this example
  std::string completion;          // without the end token
  std::vector<Mention> predicted;  // as the answer reads, valid UTF-8
  std::string parse;               // how the answer reads (core/ner/answer.hpp)
  double f1 = 0;                   // of this completion, from 0 to 1
  double reward = 0;               // by the run's weights
  std::int64_t tokens = 0;         // of the completion, end token included
  Finish finish = Finish::kStop;
};

// A line of a predictions file: row, sample, dataset, sentence, schema, entities, predicted,
// completion, parse, f1, reward, tokens, finish. Reading one that is not whole is an Error of kData
// that begins with `where`.
json::object to_json(const Prediction& prediction);
Prediction prediction_from_json(const json::object& line, const std::string& where);

// [{"text": s, "label": s}]
json::array mentions_json(std::span<const Mention> mentions);
// Mentions whose text is valid UTF-8, as JSON needs it: an answer can hold lone surrogates.
std::vector<Mention> repaired(std::span<const Mention> mentions);

}  // namespace cogent::rollout
