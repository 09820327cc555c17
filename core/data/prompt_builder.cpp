#include "core/data/prompt_builder.hpp"

#include "core/base/error.hpp"
#include "core/text/chat.hpp"

#include <array>

namespace cogent::data {

PromptBuilder::PromptBuilder(const RunConfig& config, const text::Tokenizer& tokenizer,
                             std::span<const std::int32_t> model_eos_ids)
    : tokenizer_(tokenizer),
      template_(ner::load_prompt(config.prompt)),
      add_source_(config.prompt.add_source ? ner::AddSource::kYes : ner::AddSource::kNo),
      chain_(config.prompt.cot ? ner::Chain::kWith : ner::Chain::kWithout),
      format_(config.chat.format),
      end_ids_(text::end_of_turn_ids(tokenizer, model_eos_ids)) {
  check(!end_ids_.empty(), ErrorCode::kModel,
        "neither the tokenizer nor the model's configuration names a token that ends a turn");
}

std::string PromptBuilder::prompt_text(const Example& example) const {
  const std::array<text::ChatMessage, 1> turn = {
      {{"user", ner::render_prompt(template_, example, add_source_)}}};
  return format_ == ChatTemplate::kOwn
             ? text::render_own_template(tokenizer_.spec(), turn, text::GenerationPrompt::kYes)
             : text::render_reasoningner_template(tokenizer_, turn, text::GenerationPrompt::kYes);
}

std::vector<std::int32_t> PromptBuilder::prompt_ids(const Example& example) const {
  return tokenizer_.encode(prompt_text(example), text::SpecialText::kParse);
}

std::vector<std::int32_t> PromptBuilder::completion_ids(const Example& example) const {
  const std::string chain = chain_ == ner::Chain::kWith ? example.cot.value_or("") : "";
  std::vector<std::int32_t> ids =
      tokenizer_.encode(ner::render_completion(chain, example.entities), text::SpecialText::kPlain);
  ids.push_back(end_ids_.front());
  return ids;
}

}  // namespace cogent::data
