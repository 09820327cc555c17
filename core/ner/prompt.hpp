#pragma once

#include "core/config/run_config.hpp"
#include "core/records/records.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::ner {

enum class AddSource { kNo, kYes };
enum class Chain { kWith, kWithout };

// A prompt's wording with the fields {{schema}}, {{sentence}} and {{source}}. A field is a word
// between double braces; other braces are text.
class PromptTemplate {
 public:
  // An Error of kUsage names the template and a field that does not exist, or that {{sentence}} is
  // missing.
  PromptTemplate(std::string_view text, const std::string& name);

  // Every field filled once: what stands in a filled text is never a field. The result is stripped.
  std::string fill(std::string_view schema, std::string_view sentence,
                   std::string_view source) const;
  bool names_source() const;

 private:
  enum class Field { kNone, kSchema, kSentence, kSource };
  struct Piece {
    std::string text;  // literal text, then the field
    Field field = Field::kNone;
  };
  static Field field_of(std::string_view name);

  std::vector<Piece> pieces_;
};

// The wording that ships with the project: configs/prompts/reasoning.txt or answer_only.txt.
PromptTemplate built_in_prompt(Chain chain);
// The template that the settings name: a file, or else the built-in wording. A file that cannot be
// read is an Error of kUsage.
PromptTemplate load_prompt(const PromptSettings& settings);

// The user turn. {{schema}} is a JSON list of the lower-cased, sorted labels. With AddSource::kYes
// a line that names the data set comes first, where it is known and the template does not name it.
std::string render_prompt(const PromptTemplate& prompt, const Example& example,
                          AddSource add_source);

// `<think>\n{cot}\n</think>\n{json}`; without the think part where the chain is empty. The JSON is
// {"entities": {label: [text, ...]}} as json.dumps(..., indent=2, ensure_ascii=False) writes it,
// labels in order of first appearance.
std::string render_completion(std::string_view cot, std::span<const Mention> mentions);

}  // namespace cogent::ner
