#include "core/base/error.hpp"
#include "core/data/formats.hpp"
#include "core/data/reader.hpp"
#include "core/ner/schema.hpp"

#include <boost/json/array.hpp>

#include <sstream>

namespace cogent::data {
namespace {

std::vector<Mention> read_mentions(const json::object& record, const std::string& where,
                                   Gold gold) {
  const json::value* entities = record.if_contains("entities");
  if (gold == Gold::kOptional && (entities == nullptr || entities->is_null())) {
    return {};
  }
  std::vector<Mention> mentions;
  for (const json::value& entity : require_array(record, "entities", where)) {
    const std::string here = concat(where, ": entity ", mentions.size() + 1);
    check(entity.is_object(), ErrorCode::kData, here,
          " is not an object with \"text\" and \"label\"");
    mentions.push_back({require_string(entity.get_object(), "text", here),
                        require_string(entity.get_object(), "label", here)});
  }
  return mentions;
}

}  // namespace

Example example_from_json(const json::object& record, std::uint32_t row, const std::string& where,
                          Gold gold) {
  Example example;
  example.row = row;
  const auto dataset = find_string(record, "dataset", where);
  example.dataset =
      dataset.has_value() ? *dataset : find_string(record, "source", where).value_or("");
  example.sentence = require_string(record, "sentence", where);
  example.schema = ner::normalise_schema(require_strings(record, "schema", where));
  example.entities = ner::clean_gold(read_mentions(record, where, gold));
  example.cot = find_string(record, "cot", where);
  return example;
}

std::vector<Example> read_json_records(const std::string& text, const std::filesystem::path& path) {
  std::istringstream stream(text);
  JsonLineReader reader(stream, path.string());
  std::vector<Example> examples;
  while (const auto line = reader.next()) {
    if (line->object.contains("conversations")) {
      const auto record = ner::parse_python_json(to_json_line(line->object));
      check(record.value.has_value(), ErrorCode::kData, reader.where(), ": ", record.error);
      examples.push_back(read_conversation(*record.value, reader.where()));
      continue;
    }
    examples.push_back(example_from_json(line->object, 0, reader.where(), Gold::kRequired));
  }
  return examples;
}

}  // namespace cogent::data
