#include "core/ner/prompt.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/ner/builtin_prompts.hpp"
#include "core/ner/python_json.hpp"
#include "core/ner/schema.hpp"
#include "core/ner/unicode.hpp"

#include <algorithm>

namespace cogent::ner {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

std::string schema_list(std::span<const std::string> labels) {
  std::string list = "[";
  for (const std::string& label : normalise_schema(labels)) {
    list += list.size() > 1 ? ", " : "";
    list += dump_python_string(label);
  }
  return list + "]";
}

}  // namespace

PromptTemplate::PromptTemplate(std::string_view text, const std::string& name) {
  pieces_.emplace_back();
  bool has_sentence = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t close =
        text.substr(at).starts_with(kOpen) ? text.find(kClose, at + kOpen.size()) : text.npos;
    const std::string_view word =
        close == text.npos ? "" : text.substr(at + kOpen.size(), close - at - kOpen.size());
    if (!is_field_name(word)) {
      pieces_.back().text += text[at++];
      continue;
    }
    const Field field = field_of(word);
    check(field != Field::kNone, ErrorCode::kUsage, name, ": the field {{", word,
          "}} is unknown; {{schema}}, {{sentence}} and {{source}} exist");
    has_sentence = has_sentence || field == Field::kSentence;
    pieces_.back().field = field;
    pieces_.emplace_back();
    at = close + kClose.size();
  }
  check(has_sentence, ErrorCode::kUsage, name, ": the field {{sentence}} is missing");
}

PromptTemplate::Field PromptTemplate::field_of(std::string_view name) {
  return name == "schema"     ? Field::kSchema
         : name == "sentence" ? Field::kSentence
         : name == "source"   ? Field::kSource
                              : Field::kNone;
}

std::string PromptTemplate::fill(std::string_view schema, std::string_view sentence,
                                 std::string_view source) const {
  std::string filled;
  for (const Piece& piece : pieces_) {
    filled += piece.text;
    switch (piece.field) {
      case Field::kSchema:
        filled += schema;
        break;
      case Field::kSentence:
        filled += sentence;
        break;
      case Field::kSource:
        filled += source;
        break;
      case Field::kNone:
        break;
    }
  }
  return strip(filled);
}

bool PromptTemplate::names_source() const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [](const Piece& piece) { return piece.field == Field::kSource; });
}

PromptTemplate built_in_prompt(Chain chain) {
  return chain == Chain::kWith
             ? PromptTemplate(kReasoningPrompt, "configs/prompts/reasoning.txt")
             : PromptTemplate(kAnswerOnlyPrompt, "configs/prompts/answer_only.txt");
}

PromptTemplate load_prompt(const PromptSettings& settings) {
  if (settings.template_file.empty()) {
    return built_in_prompt(settings.cot ? Chain::kWith : Chain::kWithout);
  }
  return PromptTemplate(read_file(settings.template_file, ErrorCode::kUsage),
                        settings.template_file);
}

std::string render_prompt(const PromptTemplate& prompt, const Example& example,
                          AddSource add_source) {
  const std::string filled =
      prompt.fill(schema_list(example.schema), example.sentence, example.dataset);
  if (add_source == AddSource::kNo || example.dataset.empty() || prompt.names_source()) {
    return filled;
  }
  return concat("The text comes from the data set ", example.dataset, ".\n", filled);
}

std::string render_completion(std::string_view cot, std::span<const Mention> mentions) {
  std::vector<std::pair<std::string, std::vector<std::string>>> by_label;
  for (const Mention& mention : clean_mentions(mentions)) {
    auto group = std::find_if(by_label.begin(), by_label.end(),
                              [&](const auto& entry) { return entry.first == mention.label; });
    if (group == by_label.end()) {
      group = by_label.insert(group, {mention.label, {}});
    }
    group->second.push_back(mention.text);
  }
  std::string out = cot.empty() ? "" : concat("<think>\n", cot, "\n</think>\n");
  out += "{\n  \"entities\": {";
  for (std::size_t i = 0; i < by_label.size(); ++i) {
    out += concat(i == 0 ? "" : ",", "\n    ", dump_python_string(by_label[i].first), ": [");
    const auto& texts = by_label[i].second;
    for (std::size_t j = 0; j < texts.size(); ++j) {
      out += concat(j == 0 ? "" : ",", "\n      ", dump_python_string(texts[j]));
    }
    out += "\n    ]";
  }
  out += by_label.empty() ? "}\n}" : "\n  }\n}";
  return out;
}

}  // namespace cogent::ner
