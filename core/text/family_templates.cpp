#include "core/base/error.hpp"
#include "core/text/chat.hpp"

#include <algorithm>

namespace cogent::text {
namespace {

// <|im_start|>ROLE\nCONTENT<|im_end|>\n, behind the beginning token where internlm has one.
std::string render_chatml(std::string_view begin, std::span<const ChatMessage> messages,
                          GenerationPrompt generation) {
  std::string out(begin);
  for (const ChatMessage& message : messages) {
    out += "<|im_start|>" + message.role + "\n" + message.content + "<|im_end|>\n";
  }
  return generation == GenerationPrompt::kYes ? out + "<|im_start|>assistant\n" : out;
}

std::string render_llama2(std::span<const ChatMessage> messages, GenerationPrompt) {
  std::string out;
  std::string system;
  for (const ChatMessage& message : messages) {
    if (message.role == "system") {
      system = "<<SYS>>\n" + message.content + "\n<</SYS>>\n\n";
    } else if (message.role == "assistant") {
      out += " " + message.content + " </s>";
    } else {
      out += "<s>[INST] " + system + message.content + " [/INST]";
      system.clear();
    }
  }
  return out;
}

// The recipe's reference writes the assistant's role as "bot".
std::string render_llama3(std::span<const ChatMessage> messages, GenerationPrompt generation) {
  const auto header = [](const std::string& role) {
    return "<|start_header_id|>" + role + "<|end_header_id|>\n\n";
  };
  std::string out = "<|begin_of_text|>";
  for (const ChatMessage& message : messages) {
    out +=
        header(message.role == "assistant" ? "bot" : message.role) + message.content + "<|eot_id|>";
  }
  return generation == GenerationPrompt::kYes ? out + header("bot") : out;
}

enum class Family { kChatMl, kInternlm, kLlama3, kLlama2, kNone };

Family family_of(const Tokenizer& tokenizer) {
  const auto has = [&](std::string_view token) { return tokenizer.token_id(token).has_value(); };
  if (has("<|im_start|>") && has("<|im_end|>")) {
    const auto begin = tokenizer.token_id("<s>");
    return begin && *begin == tokenizer.spec().bos_id ? Family::kInternlm : Family::kChatMl;
  }
  if (has("<|start_header_id|>") && has("<|end_header_id|>") && has("<|eot_id|>")) {
    return Family::kLlama3;
  }
  return has("<s>") && has("</s>") ? Family::kLlama2 : Family::kNone;
}

}  // namespace

std::string render_reasoningner_template(const Tokenizer& tokenizer,
                                         std::span<const ChatMessage> messages,
                                         GenerationPrompt generation) {
  switch (family_of(tokenizer)) {
    case Family::kChatMl:
      return render_chatml("", messages, generation);
    case Family::kInternlm:
      return render_chatml("<s>", messages, generation);
    case Family::kLlama3:
      return render_llama3(messages, generation);
    case Family::kLlama2:
      return render_llama2(messages, generation);
    case Family::kNone:
      break;
  }
  fail(ErrorCode::kModel,
       "the vocabulary has the special tokens of no known chat family (<|im_start|>, "
       "<|start_header_id|> or <s>): set chat.template to the model's own");
}

std::vector<std::int32_t> end_of_turn_ids(const Tokenizer& tokenizer,
                                          std::span<const std::int32_t> model_eos_ids) {
  std::vector<std::int32_t> ids;
  const auto add = [&ids](std::int32_t id) {
    if (id >= 0 && std::find(ids.begin(), ids.end(), id) == ids.end()) {
      ids.push_back(id);
    }
  };
  switch (family_of(tokenizer)) {
    case Family::kChatMl:
    case Family::kInternlm:
      add(*tokenizer.token_id("<|im_end|>"));
      break;
    case Family::kLlama3:
      add(*tokenizer.token_id("<|eot_id|>"));
      break;
    case Family::kLlama2:
      add(*tokenizer.token_id("</s>"));
      break;
    case Family::kNone:
      break;
  }
  for (const std::int32_t id : model_eos_ids) {
    add(id);
  }
  add(tokenizer.spec().eos_id);
  check(!ids.empty(), ErrorCode::kModel,
        "the tokenizer names no token that ends a turn: neither a chat family's nor an eos token");
  return ids;
}

}  // namespace cogent::text
