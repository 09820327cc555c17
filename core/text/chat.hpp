#pragma once

#include "core/text/tokenizer.hpp"

#include <span>
#include <string>
#include <vector>

namespace cogent::text {

struct ChatMessage {
  std::string role;
  std::string content;
};

enum class GenerationPrompt { kNo, kYes };

// The conversation by the model's own Jinja template (TokenizerSpec::chat_template), as
// `transformers` renders it. Throws kModel where the model has none or the template uses what the
// interpreter does not know (named).
std::string render_own_template(const TokenizerSpec& spec, std::span<const ChatMessage> messages,
                                GenerationPrompt generation);

// The recipe's templates by family (recipe.md: qwen ChatML without a system turn, internlm, llama2,
// llama3.1), chosen by the special tokens in the vocabulary. A model with <|im_start|> and
// <|im_end|> speaks ChatML with its own tokens. Throws kModel where none fits.
std::string render_reasoningner_template(const Tokenizer& tokenizer,
                                         std::span<const ChatMessage> messages,
                                         GenerationPrompt generation);

// The tokens that end an assistant turn: what a trained completion ends with ("\n" behind the end
// token is not trained) and what stops sampling. [0] is the one that a training sequence ends with.
std::vector<std::int32_t> end_of_turn_ids(const Tokenizer& tokenizer,
                                          std::span<const std::int32_t> model_eos_ids);

}  // namespace cogent::text
