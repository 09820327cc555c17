// A chat template, rendered over a short conversation: a text or an error, in bounded time.

#include "core/base/error.hpp"
#include "core/text/chat.hpp"

#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace cogent::text;
  TokenizerSpec spec;
  spec.tokens = {"<s>", "</s>"};
  spec.bos_id = 0;
  spec.eos_id = 1;
  spec.chat_template.assign(reinterpret_cast<const char*>(bytes), size);
  const std::vector<ChatMessage> messages = {
      {"system", "Be brief."}, {"user", " Hi \n"}, {"assistant", "<think>\nx\n</think>\n\xC3\xA9"}};
  try {
    render_own_template(spec, messages, GenerationPrompt::kYes);
  } catch (const cogent::Error&) {
  }
  return 0;
}
