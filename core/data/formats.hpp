#pragma once

#include "core/ner/python_json.hpp"
#include "core/records/records.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::data {

// Readers of single formats, for reader.cpp. Each gets the file's bytes and its path, for messages;
// rows and clean labels are the caller's concern.

std::vector<Example> read_conll(std::string_view text, const std::filesystem::path& path);
std::vector<Example> read_json_records(const std::string& text, const std::filesystem::path& path);
// An array: InstructUIE, or Pile-NER where its members have conversations.
std::vector<Example> read_json_array(std::string_view text, const std::filesystem::path& path);

// Pile-NER: {"conversations": [{"from": s, "value": s}]}: the text, then for each type a question
// and the list that answers it.
bool is_conversation(const ner::PythonJson& record);
Example read_conversation(const ner::PythonJson& record, const std::string& where);

// "PATH line N".
std::string place(const std::filesystem::path& path, std::size_t line);
// A member that must be there and of this kind. Strings hold no lone surrogates.
const ner::PythonJson& require(const ner::PythonJson& object, std::string_view key,
                               ner::JsonKind kind, const std::string& where);
void require_kind(const ner::PythonJson& value, ner::JsonKind kind, std::string_view what,
                  const std::string& where);

}  // namespace cogent::data
