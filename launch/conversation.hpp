#pragma once

#include "core/base/json_lines.hpp"
#include "core/config/run_config.hpp"
#include "core/text/chat.hpp"

#include <string>
#include <vector>

namespace cogent::launch {

// {"messages": [{"role": s, "content": s}]} of a filter's input line. An Error of kData begins with
// `where`.
std::vector<text::ChatMessage> require_messages(const json::object& line, const std::string& where);

std::string render_messages(const text::Tokenizer& tokenizer,
                            const std::vector<text::ChatMessage>& messages, ChatTemplate format,
                            text::GenerationPrompt generation);

}  // namespace cogent::launch
