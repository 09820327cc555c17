#include "core/base/error.hpp"
#include "core/data/formats.hpp"

namespace cogent::data {
namespace {

using ner::JsonKind;
using ner::PythonJson;

constexpr std::string_view kTextMark = "Text: ";
constexpr std::string_view kQuestion = "What describes ";
constexpr std::string_view kQuestionEnd = " in the text?";

// The type that a question asks for.
std::string asked_type(std::string_view question, const std::string& where) {
  check(question.starts_with(kQuestion) && question.ends_with(kQuestionEnd) &&
            question.size() > kQuestion.size() + kQuestionEnd.size(),
        ErrorCode::kData, where, ": a question reads \"", question.substr(0, 60),
        "\", \"What describes TYPE in the text?\" is needed");
  question.remove_prefix(kQuestion.size());
  question.remove_suffix(kQuestionEnd.size());
  return std::string(question);
}

}  // namespace

bool is_conversation(const PythonJson& record) {
  return record.find("conversations") != nullptr;
}

Example read_conversation(const PythonJson& record, const std::string& where) {
  Example example;
  example.dataset = "Pile-NER";
  std::string type;  // of the question that waits for its answer
  for (const PythonJson& turn : require(record, "conversations", JsonKind::kArray, where).items) {
    require_kind(turn, JsonKind::kObject, "a turn", where);
    const std::string& value = require(turn, "value", JsonKind::kString, where).text;
    const bool is_human = require(turn, "from", JsonKind::kString, where).text == "human";
    if (is_human && value.starts_with(kTextMark)) {
      example.sentence = value.substr(kTextMark.size());
    } else if (is_human) {
      type = asked_type(value, where);
      example.schema.push_back(type);
    } else if (!type.empty()) {
      const ner::PythonJsonResult answer = ner::parse_python_json(value);
      check(answer.value.has_value(), ErrorCode::kData, where, ": the list of \"", type,
            "\" is not JSON, ", answer.error);
      require_kind(*answer.value, JsonKind::kArray, "an answer", where);
      for (const PythonJson& text : answer.value->items) {
        require_kind(text, JsonKind::kString, "an entity", where);
        example.entities.push_back({text.text, type});
      }
      type.clear();
    }
  }
  check(!example.sentence.empty(), ErrorCode::kData, where,
        ": the conversation has no turn that begins with \"Text: \"");
  return example;
}

}  // namespace cogent::data
