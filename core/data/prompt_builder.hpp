#pragma once

#include "core/config/run_config.hpp"
#include "core/ner/prompt.hpp"
#include "core/records/records.hpp"
#include "core/text/tokenizer.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cogent::data {

// Turns examples into token ids, by the run's prompt and chat settings: the one place where
// training, sampling and evaluation get their prompts from. The tokenizer must outlive it. Const
// and safe to share by threads.
class PromptBuilder {
 public:
  // Reads the template file where one is named; an Error of kUsage where it cannot be read, of
  // kModel where the model has no chat template of the kind that is asked for.
  PromptBuilder(const RunConfig& config, const text::Tokenizer& tokenizer,
                std::span<const std::int32_t> model_eos_ids);

  // The user turn with the example's prompt, up to where the assistant begins.
  std::string prompt_text(const Example& example) const;
  std::vector<std::int32_t> prompt_ids(const Example& example) const;

  // What the model should say: chain of thought (where prompt.cot is set and the example has one)
  // and gold entities, then the end-of-turn token. What stands in the text is never a special
  // token.
  std::vector<std::int32_t> completion_ids(const Example& example) const;

  // The tokens that stop sampling; [0] ends a completion that is trained on.
  const std::vector<std::int32_t>& end_ids() const { return end_ids_; }

 private:
  const text::Tokenizer& tokenizer_;
  ner::PromptTemplate template_;
  ner::AddSource add_source_;
  ner::Chain chain_;
  ChatTemplate format_;
  std::vector<std::int32_t> end_ids_;
};

}  // namespace cogent::data
