#include "rollout/extract.hpp"

#include "core/ner/answer.hpp"
#include "core/ner/unicode.hpp"
#include "rollout/completion_text.hpp"
#include "rollout/greedy.hpp"
#include "rollout/prediction.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace cogent::rollout {
namespace {

std::vector<std::size_t> occurrences(std::u32string_view sentence, std::u32string_view text) {
  std::vector<std::size_t> starts;
  if (text.empty()) {
    return starts;
  }
  for (std::size_t at = sentence.find(text); at != sentence.npos;
       at = sentence.find(text, at + text.size())) {
    starts.push_back(at);
  }
  return starts;
}

json::value offset_json(const std::optional<std::int64_t>& offset) {
  return offset ? json::value(*offset) : json::value(nullptr);
}

}  // namespace

std::vector<LocatedMention> locate(std::string_view sentence, std::span<const Mention> mentions) {
  const std::u32string points = ner::code_points(sentence);
  std::map<std::string, std::size_t> by_text;
  std::map<std::pair<std::string, std::string>, std::size_t> by_text_and_label;
  std::vector<LocatedMention> located;
  for (const Mention& mention : mentions) {
    const std::u32string text = ner::code_points(mention.text);
    const std::vector<std::size_t> starts = occurrences(points, text);
    std::size_t n = by_text[mention.text]++;
    const std::size_t n_of_label = by_text_and_label[{mention.text, mention.label}]++;
    if (n >= starts.size()) {
      n = n_of_label;
    }
    LocatedMention& place = located.emplace_back(LocatedMention{mention, {}, {}});
    if (n < starts.size()) {
      place.start = static_cast<std::int64_t>(starts[n]);
      place.end = static_cast<std::int64_t>(starts[n] + text.size());
    }
  }
  return located;
}

std::vector<Extraction> extract(Engine& engine, const data::PromptBuilder& prompts,
                                const text::Tokenizer& tokenizer, std::span<const Example> examples,
                                std::int64_t max_new_tokens) {
  std::vector<RolloutRequest> requests;
  for (const Example& example : examples) {
    requests.push_back(greedy_request(prompts, example, max_new_tokens));
  }
  const std::vector<RolloutGroup> groups = engine.generate(requests);
  std::vector<Extraction> extractions;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const std::string text = completion_text(tokenizer, groups[i].completions.front());
    const ner::Answer answer = ner::parse_answer(text, examples[i].schema, MetricRules::kCorrected);
    const std::string sentence = ner::repair_utf8(examples[i].sentence);
    extractions.push_back(
        {sentence, locate(sentence, repaired(answer.mentions)), ner::find_chain(text)});
  }
  return extractions;
}

json::object to_json(const Extraction& extraction, ShowChain chain) {
  json::array entities;
  for (const LocatedMention& located : extraction.entities) {
    entities.push_back({{"text", located.mention.text},
                        {"label", located.mention.label},
                        {"start", offset_json(located.start)},
                        {"end", offset_json(located.end)}});
  }
  json::object object{{"text", extraction.text}, {"entities", std::move(entities)}};
  if (chain == ShowChain::kYes && extraction.cot) {
    object["cot"] = *extraction.cot;
  }
  return object;
}

}  // namespace cogent::rollout
