#include "core/ner/answer.hpp"
#include "core/ner/unicode.hpp"

namespace cogent::ner {
namespace {

constexpr std::string_view kThink = "<think>";
constexpr std::string_view kThinkEnd = "</think>";

std::string remove_all(std::string_view text, std::string_view part) {
  std::string kept;
  std::size_t at = 0;
  for (std::size_t found; (found = text.find(part, at)) != text.npos; at = found + part.size()) {
    kept += text.substr(at, found - at);
  }
  kept += text.substr(at);
  return kept;
}

// Removes every shortest <think>...</think>, then every tag that is left.
std::string remove_chains(std::string_view text) {
  std::string kept;
  std::size_t at = 0;
  while (true) {
    const std::size_t begin = text.find(kThink, at);
    const std::size_t end =
        begin == text.npos ? text.npos : text.find(kThinkEnd, begin + kThink.size());
    if (end == text.npos) {
      break;
    }
    kept += text.substr(at, begin - at);
    at = end + kThinkEnd.size();
  }
  kept += text.substr(at);
  return remove_all(remove_all(kept, kThink), kThinkEnd);
}

// Replaces the text by what stands between the first opening mark and its end, where there is an
// opening mark. False where its end is missing; the text is then what follows the mark.
bool keep_block(std::string& text, std::string_view open, std::string_view close) {
  const std::size_t begin = text.find(open);
  if (begin == text.npos) {
    return true;
  }
  const std::size_t inside = begin + open.size();
  const std::size_t end = text.find(close, inside);
  text = text.substr(inside, end == text.npos ? text.npos : end - inside);
  return end != text.npos;
}

// One pass. The corrected rules read a block without an end to the end of the text.
AnswerText extract_once(std::string text, MetricRules rules) {
  const bool needs_end = rules == MetricRules::kReference;
  text = remove_chains(text);
  if (!keep_block(text, "<answer>", "</answer>") && needs_end) {
    return {"", "unclosed_answer"};
  }
  if (!keep_block(text, "```json", "```") && needs_end) {
    return {"", "unclosed_json"};
  }
  return {strip(text), ""};
}

}  // namespace

AnswerText extract_answer_text(std::string_view completion, MetricRules rules) {
  AnswerText once = extract_once(repair_utf8(completion), rules);
  return once.unclosed.empty() ? extract_once(std::move(once.text), rules) : once;
}

std::optional<std::string> find_chain(std::string_view completion) {
  const std::size_t begin = completion.find(kThink);
  if (begin == completion.npos) {
    return std::nullopt;
  }
  const std::size_t inside = begin + kThink.size();
  const std::size_t end = completion.find(kThinkEnd, inside);
  if (end == completion.npos) {
    return std::nullopt;
  }
  return strip(repair_utf8(completion.substr(inside, end - inside)));
}

}  // namespace cogent::ner
