#include "core/ner/descriptions.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/ner/normalise.hpp"
#include "core/ner/python_json.hpp"

namespace cogent::ner {

const LabelDescriptions& DescriptionBook::of(const std::string& dataset) const {
  const auto own = by_dataset.find(dataset);
  return own == by_dataset.end() ? common : own->second;
}

DescriptionBook read_descriptions(const std::string& path) {
  const PythonJsonResult json = parse_python_json(read_file(path, ErrorCode::kData));
  check(json.value.has_value(), ErrorCode::kData, path, " line ", json.line, ": not JSON, ",
        json.error);
  check(json.value->kind == JsonKind::kObject, ErrorCode::kData, path,
        ": an object of label descriptions is needed");
  DescriptionBook book;
  const auto add = [&](LabelDescriptions& descriptions, const PythonJsonMember& member) {
    check(member.value.kind == JsonKind::kString, ErrorCode::kData, path, " line ",
          member.value.line, ": the description of \"", member.key, "\" is not a string");
    descriptions[normalise_label(member.key)] = member.value.text;
  };
  for (const PythonJsonMember& member : json.value->members) {
    if (member.value.kind != JsonKind::kObject) {
      add(book.common, member);
      continue;
    }
    LabelDescriptions& own = book.by_dataset[member.key];
    for (const PythonJsonMember& label : member.value.members) {
      add(own, label);
    }
  }
  return book;
}

}  // namespace cogent::ner
