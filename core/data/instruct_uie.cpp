#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/data/formats.hpp"
#include "core/ner/unicode.hpp"

#include <algorithm>
#include <optional>

namespace cogent::data {
namespace {

using ner::JsonKind;
using ner::PythonJson;

const char* kind_name(JsonKind kind) {
  switch (kind) {
    case JsonKind::kNull:
      return "null";
    case JsonKind::kBoolean:
      return "a Boolean";
    case JsonKind::kNumber:
      return "a number";
    case JsonKind::kString:
      return "a string";
    case JsonKind::kArray:
      return "a list";
    case JsonKind::kObject:
      return "an object";
  }
  return "nothing";
}

PythonJson parse_array(std::string_view text, const std::filesystem::path& path) {
  ner::PythonJsonResult json = ner::parse_python_json(text);
  check(json.value.has_value(), ErrorCode::kData, place(path, json.line), ": not JSON, ",
        json.error);
  require_kind(*json.value, JsonKind::kArray, "the file", place(path, json.value->line));
  return std::move(*json.value);
}

// The labels of the data set: labels.json beside the file.
std::vector<std::string> read_labels(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "labels.json";
  std::vector<std::string> labels;
  for (const PythonJson& label : parse_array(read_file(path, ErrorCode::kData), path).items) {
    require_kind(label, JsonKind::kString, "a label", place(path, label.line));
    labels.push_back(label.text);
  }
  return labels;
}

Example read_record(const PythonJson& record, const std::string& where) {
  Example example;
  example.sentence = require(record, "sentence", JsonKind::kString, where).text;
  for (const PythonJson& entity : require(record, "entities", JsonKind::kArray, where).items) {
    require_kind(entity, JsonKind::kObject, "an entity", where);
    example.entities.push_back({require(entity, "name", JsonKind::kString, where).text,
                                require(entity, "type", JsonKind::kString, where).text});
  }
  return example;
}

}  // namespace

std::string place(const std::filesystem::path& path, std::size_t line) {
  return concat(path.string(), " line ", line);
}

void require_kind(const PythonJson& value, JsonKind kind, std::string_view what,
                  const std::string& where) {
  check(value.kind == kind, ErrorCode::kData, where, ": ", what, " is ", kind_name(value.kind),
        ", ", kind_name(kind), " is needed");
  check(kind != JsonKind::kString || ner::repair_utf8(value.text) == value.text, ErrorCode::kData,
        where, ": ", what, " holds half of a surrogate pair, which is no text");
}

const PythonJson& require(const PythonJson& object, std::string_view key, JsonKind kind,
                          const std::string& where) {
  const PythonJson* value = object.find(key);
  check(value != nullptr, ErrorCode::kData, where, ": \"", key, "\" is missing");
  require_kind(*value, kind, concat("\"", key, "\""), where);
  return *value;
}

std::vector<Example> read_json_array(std::string_view text, const std::filesystem::path& path) {
  const PythonJson array = parse_array(text, path);
  const auto folder = std::filesystem::absolute(path).parent_path();
  std::optional<std::vector<std::string>> labels;
  std::vector<Example> examples;
  examples.reserve(array.items.size());
  for (const PythonJson& record : array.items) {
    const std::string where = place(path, record.line);
    require_kind(record, JsonKind::kObject, "a record", where);
    if (is_conversation(record)) {
      examples.push_back(read_conversation(record, where));
      continue;
    }
    if (!labels.has_value()) {
      labels = read_labels(folder);
    }
    Example& example = examples.emplace_back(read_record(record, where));
    example.schema = *labels;
    example.dataset = folder.filename().string();
  }
  return examples;
}

}  // namespace cogent::data
