#include "rollout/prediction.hpp"

#include "core/ner/unicode.hpp"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include <limits>

namespace cogent::rollout {
namespace {

double require_number(const json::object& line, std::string_view key, const std::string& where) {
  const json::value* value = line.if_contains(key);
  check(value != nullptr && value->is_number(), ErrorCode::kData, where, ": \"", key,
        "\" is missing or not a number");
  return value->to_number<double>();
}

std::vector<Mention> require_mentions(const json::object& line, std::string_view key,
                                      const std::string& where) {
  std::vector<Mention> mentions;
  for (const json::value& member : require_array(line, key, where)) {
    check(member.is_object(), ErrorCode::kData, where, ": \"", key,
          "\" holds something that is not an object with \"text\" and \"label\"");
    mentions.push_back({require_string(member.get_object(), "text", where),
                        require_string(member.get_object(), "label", where)});
  }
  return mentions;
}

}  // namespace

json::array mentions_json(std::span<const Mention> mentions) {
  json::array array;
  for (const Mention& mention : mentions) {
    array.push_back({{"text", mention.text}, {"label", mention.label}});
  }
  return array;
}

std::vector<Mention> repaired(std::span<const Mention> mentions) {
  std::vector<Mention> result;
  for (const Mention& mention : mentions) {
    result.push_back({ner::repair_utf8(mention.text), ner::repair_utf8(mention.label)});
  }
  return result;
}

json::object to_json(const Prediction& prediction) {
  const Example& example = prediction.example;
  return {{"row", example.row},
          {"sample", prediction.sample},
          {"dataset", example.dataset},
          {"sentence", example.sentence},
          {"schema", json::array(example.schema.begin(), example.schema.end())},
          {"entities", mentions_json(example.entities)},
          {"predicted", mentions_json(prediction.predicted)},
          {"completion", prediction.completion},
          {"parse", prediction.parse},
          {"f1", prediction.f1},
          {"reward", prediction.reward},
          {"tokens", prediction.tokens},
          {"finish", finish_name(prediction.finish)}};
}

Prediction prediction_from_json(const json::object& line, const std::string& where) {
  Prediction prediction;
  const std::int64_t row = require_int(line, "row", where);
  check(row >= 0 && row <= std::numeric_limits<std::uint32_t>::max(), ErrorCode::kData, where,
        ": \"row\" is ", row, ", a number from 0 to 4294967295 is needed");
  prediction.example.row = static_cast<std::uint32_t>(row);
  prediction.sample = require_int(line, "sample", where);
  prediction.example.dataset = require_string(line, "dataset", where);
  prediction.example.sentence = require_string(line, "sentence", where);
  prediction.example.schema = require_strings(line, "schema", where);
  prediction.example.entities = require_mentions(line, "entities", where);
  prediction.predicted = require_mentions(line, "predicted", where);
  prediction.completion = require_string(line, "completion", where);
  prediction.parse = require_string(line, "parse", where);
  prediction.f1 = require_number(line, "f1", where);
  prediction.reward = require_number(line, "reward", where);
  prediction.tokens = require_int(line, "tokens", where);
  const std::string finish = require_string(line, "finish", where);
  check(finish == "stop" || finish == "length", ErrorCode::kData, where, ": \"finish\" is \"",
        finish, "\", \"stop\" or \"length\" is needed");
  prediction.finish = finish == "stop" ? Finish::kStop : Finish::kLength;
  return prediction;
}

}  // namespace cogent::rollout
