// Any bytes as text: the ids decode to the text with its invalid UTF-8 repaired, whether special
// tokens are parsed or not.

#include "core/text/byte_level.hpp"
#include "core/text/gguf_pre_tokenizer.hpp"
#include "core/text/tokenizer.hpp"
#include "core/text/utf8.hpp"

#include <cstdlib>
#include <string>
#include <utility>

namespace {

using namespace cogent::text;

Tokenizer make_tokenizer(const char* pre_name) {
  TokenizerSpec spec;
  for (const std::uint32_t character : byte_level_characters()) {
    append_utf8(spec.tokens.emplace_back(), character);
  }
  for (const auto& [left, right] : {std::pair("t", "h"), std::pair("th", "e"),
                                    std::pair("\u0120", "the"), std::pair("i", "n")}) {
    spec.merges.emplace_back(left, right);
    spec.tokens.push_back(std::string(left) + right);
  }
  for (const char* content : {"<|im_start|>", "<|im_end|>", "<think>"}) {
    const auto id = static_cast<std::int32_t>(spec.tokens.size());
    spec.tokens.emplace_back(content);
    spec.added_tokens.push_back({id, content, content[1] == '|'});
  }
  spec.pre_tokenizer = pre_tokenizer_json_for_gguf(pre_name);
  spec.normalizer = "null";
  return Tokenizer(std::move(spec));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const Tokenizer tokenizers[] = {make_tokenizer("smollm"), make_tokenizer("llama-bpe")};
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::string repaired = repair_utf8(text);
  for (const Tokenizer& tokenizer : tokenizers) {
    for (const SpecialText special : {SpecialText::kPlain, SpecialText::kParse}) {
      if (tokenizer.decode(tokenizer.encode(text, special)) != repaired) {
        std::abort();
      }
    }
  }
  return 0;
}
