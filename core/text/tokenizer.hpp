#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::text {

constexpr std::int32_t kMaxVocabulary = 1 << 22;  // tokens; ids of a file are checked against it

// An added token: matched in the text before anything else.
struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool special = false;
  bool lstrip = false;
  bool rstrip = false;
  bool single_word = false;
  bool normalized = false;
};

// Everything that fixes a byte-level BPE tokenizer, whatever file it came from. `pre_tokenizer` and
// `normalizer` are the JSON texts of the same members of a Hugging Face tokenizer.json (a GGUF
// reader writes the JSON that its tokenizer.ggml.pre stands for).
struct TokenizerSpec {
  std::vector<std::string>
      tokens;  // by id, in byte-level spelling; added tokens included, as their content
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
  std::vector<AddedToken> added_tokens;
  std::string pre_tokenizer;  // JSON, or "null"
  std::string normalizer;     // JSON, or "null"
  bool ignore_merges = false;
  std::string chat_template;  // Jinja, empty where the model has none
  std::int32_t bos_id = -1;
  std::int32_t eos_id = -1;
  std::int32_t pad_id = -1;
  std::int32_t unk_id = -1;
  // What a byte outside the vocabulary becomes; -1: it is dropped, whatever unk_id is. (The
  // `unk_token` of tokenizer.json's model; a GGUF file has none.)
  std::int32_t model_unk_id = -1;
  bool fuse_unk = false;  // one such token for several such bytes in a row
};

enum class SpecialText {
  kPlain,
  kParse
};  // is special-token text in the input plain text, or the token?
enum class SpecialTokens { kKeep, kSkip };  // when decoding

// A byte-level BPE tokenizer (GPT-2's scheme; SmolLM2, Llama 3, Qwen). Immutable after construction
// and safe to share by threads. ids are those of Hugging Face's `tokenizers` with
// add_special_tokens = false. Invalid UTF-8 in the input is read as U+FFFD, as Python would hand it
// over. Errors of kModel name what the tokenizer file lacks or what is not supported.
class Tokenizer {
 public:
  explicit Tokenizer(TokenizerSpec spec);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  std::vector<std::int32_t> encode(std::string_view text,
                                   SpecialText special = SpecialText::kPlain) const;
  // Bytes of the tokens in a row; invalid UTF-8 becomes U+FFFD, as `tokenizers` decodes it. Throws
  // kData for an id past the vocabulary.
  std::string decode(std::span<const std::int32_t> ids,
                     SpecialTokens special = SpecialTokens::kKeep) const;
  // The raw bytes of one token (no U+FFFD repair): for stop strings and offsets.
  std::string token_bytes(std::int32_t id) const;

  std::int32_t vocab_size() const;
  std::optional<std::int32_t> token_id(std::string_view content) const;
  const TokenizerSpec& spec() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

// Hugging Face files: tokenizer.json, with tokenizer_config.json's special tokens and chat template
// beside it (text empty where missing).
TokenizerSpec parse_tokenizer_json(const std::string& tokenizer_json,
                                   const std::string& tokenizer_config_json,
                                   const std::string& source);
// A tokenizer.json / tokenizer_config.json that `tokenizers` and `transformers` read back to the
// same ids.
std::string write_tokenizer_json(const TokenizerSpec& spec);
std::string write_tokenizer_config_json(const TokenizerSpec& spec);

}  // namespace cogent::text
