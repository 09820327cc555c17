#include "launch/conversation.hpp"

namespace cogent::launch {

std::vector<text::ChatMessage> require_messages(const json::object& line,
                                                const std::string& where) {
  std::vector<text::ChatMessage> messages;
  for (const json::value& message : require_array(line, "messages", where)) {
    check(message.is_object(), ErrorCode::kData, where,
          ": \"messages\" holds something that is not an object");
    messages.push_back({require_string(message.get_object(), "role", where),
                        require_string(message.get_object(), "content", where)});
  }
  return messages;
}

std::string render_messages(const text::Tokenizer& tokenizer,
                            const std::vector<text::ChatMessage>& messages, ChatTemplate format,
                            text::GenerationPrompt generation) {
  return format == ChatTemplate::kOwn
             ? text::render_own_template(tokenizer.spec(), messages, generation)
             : text::render_reasoningner_template(tokenizer, messages, generation);
}

}  // namespace cogent::launch
