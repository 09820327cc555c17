#include "rollout/stop_text.hpp"

#include "core/base/error.hpp"
#include "core/text/utf8.hpp"

#include <algorithm>

namespace cogent::rollout {

std::string token_bytes(const text::Tokenizer& tokenizer, std::int32_t id) {
  return id < tokenizer.vocab_size() ? tokenizer.token_bytes(id) : std::string();
}

void check_stop_texts(std::span<const std::string> stop_texts) {
  for (const std::string& stop : stop_texts) {
    check(!stop.empty(), ErrorCode::kUsage,
          "a stop text is empty, at least one character is needed");
    check(text::repair_utf8(stop) == stop, ErrorCode::kUsage, "the stop text \"",
          text::repair_utf8(stop), "\" is not valid UTF-8, as the text of a completion always is");
  }
}

bool completes_stop_text(const text::Tokenizer& tokenizer, std::span<const std::int32_t> ids,
                         std::span<const std::string> stop_texts) {
  if (ids.empty() || stop_texts.empty()) {
    return false;
  }
  std::size_t longest = 0;
  for (const std::string& stop : stop_texts) {
    longest = std::max(longest, stop.size());
  }
  std::string bytes = token_bytes(tokenizer, ids.back());
  const std::size_t reach = bytes.size() + longest - 1;
  for (std::size_t i = ids.size() - 1; i-- > 0 && bytes.size() < reach;) {
    bytes.insert(0, token_bytes(tokenizer, ids[i]));
  }
  return before_stop_text(bytes, stop_texts).size() < bytes.size();
}

std::string_view before_stop_text(std::string_view text, std::span<const std::string> stop_texts) {
  std::size_t end = text.size();
  for (const std::string& stop : stop_texts) {
    end = std::min(end, text.find(stop));
  }
  return text.substr(0, end);
}

}  // namespace cogent::rollout
