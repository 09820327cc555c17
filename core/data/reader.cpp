#include "core/data/reader.hpp"

#include "core/base/bytes.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/data/formats.hpp"
#include "core/ner/schema.hpp"
#include "core/ner/unicode.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>

namespace cogent::data {
namespace {

namespace fs = std::filesystem;

bool is_conll_name(const fs::path& path) {
  constexpr std::array<std::string_view, 5> kEndings = {".conll", ".bio", ".iob", ".iob2", ".txt"};
  return std::find(kEndings.begin(), kEndings.end(), path.extension().string()) != kEndings.end();
}

std::vector<Example> read_by_format(const std::string& text, const fs::path& path) {
  if (is_conll_name(path)) {
    return read_conll(text, path);
  }
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  check(first != std::string::npos, ErrorCode::kData, path.string(), " is empty");
  const bool is_array = text[first] == '[';
  check(is_array || text[first] == '{', ErrorCode::kData, path.string(), " line ",
        1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(first), '\n'),
        ": neither a JSON array nor JSON lines; CoNLL files end with .conll, .bio or .txt");
  return is_array ? read_json_array(text, path) : read_json_records(text, path);
}

void number_rows(std::vector<Example>& examples, const std::string& what) {
  check(examples.size() <= std::numeric_limits<std::uint32_t>::max(), ErrorCode::kData, what,
        " has ", examples.size(), " examples, more than rows can be numbered");
  for (std::size_t i = 0; i < examples.size(); ++i) {
    examples[i].row = static_cast<std::uint32_t>(i);
  }
}

void write_mentions(ByteWriter& writer, const std::vector<Mention>& mentions) {
  writer.write<std::uint64_t>(mentions.size());
  for (const Mention& mention : mentions) {
    writer.write_string(mention.text);
    writer.write_string(mention.label);
  }
}

}  // namespace

const char* split_name(Split split) {
  return split == Split::kTrain ? "train" : split == Split::kDev ? "dev" : "test";
}

std::vector<Example> read_examples(const std::string& path) {
  check(!fs::is_directory(path), ErrorCode::kUsage, path,
        " is a folder: name one of its files, for example ",
        (fs::path(path) / "test.json").string());
  std::vector<Example> examples = read_by_format(read_file(path, ErrorCode::kData), path);
  for (Example& example : examples) {
    example.schema = ner::normalise_schema(example.schema);
    example.entities = ner::clean_gold(example.entities);
  }
  number_rows(examples, path);
  return examples;
}

std::vector<Example> read_examples(const std::string& path, Split split) {
  if (!fs::is_directory(path)) {
    return read_examples(path);
  }
  return read_examples((fs::path(path) / (std::string(split_name(split)) + ".json")).string());
}

std::vector<Example> read_examples(std::span<const std::string> paths, Split split) {
  std::vector<Example> all;
  for (const std::string& path : paths) {
    for (Example& example : read_examples(path, split)) {
      all.push_back(std::move(example));
    }
  }
  number_rows(all, split_name(split));
  return all;
}

std::uint64_t data_digest(std::span<const Example> examples) {
  StreamHash hash;
  for (const Example& example : examples) {
    ByteWriter writer;
    writer.write(example.row);
    writer.write_string(example.dataset);
    writer.write_string(example.sentence);
    writer.write<std::uint64_t>(example.schema.size());
    for (const std::string& label : example.schema) {
      writer.write_string(label);
    }
    write_mentions(writer, example.entities);
    writer.write<std::uint8_t>(example.cot.has_value() ? 1 : 0);
    writer.write_string(example.cot.value_or(""));
    hash.update(writer.take());
  }
  return hash.digest();
}

}  // namespace cogent::data
