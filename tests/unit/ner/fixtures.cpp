#include "tests/unit/ner/fixtures.hpp"

#include "core/base/error.hpp"

#include <cstdlib>
#include <fstream>

namespace cogent::ner {

std::vector<PythonJson> fixture_lines(const std::string& name) {
  const char* folder = std::getenv("COGENT_FIXTURES");
  check(folder != nullptr, ErrorCode::kUsage, "COGENT_FIXTURES is not set");
  std::ifstream stream(concat(folder, "/ner/", name));
  check(stream.good(), ErrorCode::kData, name, " is missing");
  std::vector<PythonJson> lines;
  for (std::string text; std::getline(stream, text);) {
    PythonJsonResult line = parse_python_json(text);
    check(line.value.has_value(), ErrorCode::kData, name, ": ", line.error);
    lines.push_back(std::move(*line.value));
  }
  check(!lines.empty(), ErrorCode::kData, name, " is empty");
  return lines;
}

const PythonJson& member(const PythonJson& object, const std::string& key) {
  const PythonJson* value = object.find(key);
  check(value != nullptr, ErrorCode::kData, "\"", key, "\" is missing in a fixture");
  return *value;
}

std::vector<std::string> strings_of(const PythonJson& array) {
  std::vector<std::string> strings;
  for (const PythonJson& item : array.items) {
    strings.push_back(item.text);
  }
  return strings;
}

}  // namespace cogent::ner
