#pragma once

#include "core/base/json_lines.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/text/tokenizer.hpp"
#include "rollout/engine.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::rollout {

// A mention and where it stands in the text, in Unicode code points; nothing where the text does
// not hold it.
struct LocatedMention {
  Mention mention;
  std::optional<std::int64_t> start, end;
};

// The n-th mention of a text is looked for at the text's n-th occurrence (occurrences do not
// overlap). Mentions of one text under several labels share its occurrences where these are too
// few.
std::vector<LocatedMention> locate(std::string_view sentence, std::span<const Mention> mentions);

struct Extraction {
  std::string text;
  std::vector<LocatedMention> entities;
  std::optional<std::string> cot;
};

// Entities of each example's sentence for its schema: one greedy completion each, read by the
// corrected rules. What comes of one does not depend on the others.
std::vector<Extraction> extract(Engine& engine, const data::PromptBuilder& prompts,
                                const text::Tokenizer& tokenizer, std::span<const Example> examples,
                                std::int64_t max_new_tokens);

enum class ShowChain { kNo, kYes };
json::object to_json(const Extraction& extraction, ShowChain chain);

}  // namespace cogent::rollout
