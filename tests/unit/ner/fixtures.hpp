#pragma once

#include "core/ner/python_json.hpp"

#include <string>
#include <vector>

namespace cogent::ner {

// The lines of tests/fixtures/ner/NAME. Read with our own JSON reader: they hold lone surrogates.
std::vector<PythonJson> fixture_lines(const std::string& name);
// A member that must be there.
const PythonJson& member(const PythonJson& object, const std::string& key);
std::vector<std::string> strings_of(const PythonJson& array);

}  // namespace cogent::ner
