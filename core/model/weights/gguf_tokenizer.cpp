#include "core/base/error.hpp"
#include "core/model/weights/gguf_model.hpp"
#include "core/text/gguf_pre_tokenizer.hpp"

namespace cogent::model {
namespace {

constexpr std::int64_t kControl = 3;      // tokenizer.ggml.token_type
constexpr std::int64_t kUserDefined = 4;  // tokenizer.ggml.token_type

std::int32_t read_id(const GgufFile& file, const char* key, std::size_t vocab_size) {
  const auto id = file.find_int(key);
  if (!id) {
    return -1;
  }
  check(*id >= 0 && *id < static_cast<std::int64_t>(vocab_size), ErrorCode::kModel, file.source(),
        ": ", key, " is ", *id, ", but the vocabulary has ", vocab_size, " tokens");
  return static_cast<std::int32_t>(*id);
}

void read_merges(const GgufFile& file, text::TokenizerSpec& spec) {
  const auto* merges = file.find_strings("tokenizer.ggml.merges");
  check(merges != nullptr && !merges->empty(), ErrorCode::kModel, file.source(),
        " has no tokenizer.ggml.merges: without its merges a byte-level BPE tokenizer cannot be "
        "rebuilt");
  spec.merges.reserve(merges->size());
  for (const std::string& merge : *merges) {
    // Tokens are in byte-level spelling, which has no space.
    const std::size_t space = merge.find(' ');
    check(space != std::string::npos && space > 0 && space + 1 < merge.size(), ErrorCode::kModel,
          file.source(), ": merge ", spec.merges.size(), " is \"", merge,
          "\", not two tokens with a space between");
    spec.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
}

void read_added_tokens(const GgufFile& file, text::TokenizerSpec& spec) {
  const auto* types = file.find_ints("tokenizer.ggml.token_type");
  if (types == nullptr) {
    return;
  }
  check(types->size() == spec.tokens.size(), ErrorCode::kModel, file.source(),
        ": tokenizer.ggml.token_type has ", types->size(), " entries for ", spec.tokens.size(),
        " tokens");
  for (std::size_t id = 0; id < types->size(); ++id) {
    if ((*types)[id] == kControl || (*types)[id] == kUserDefined) {
      text::AddedToken token;
      token.id = static_cast<std::int32_t>(id);
      token.content = spec.tokens[id];
      token.special = (*types)[id] == kControl;
      spec.added_tokens.push_back(std::move(token));
    }
  }
}

}  // namespace

text::TokenizerSpec read_gguf_tokenizer(const GgufFile& file) {
  const std::string model = file.find_string("tokenizer.ggml.model").value_or("none");
  check(model == "gpt2", ErrorCode::kModel, file.source(), ": tokenizer.ggml.model is ", model,
        "; only gpt2 (byte-level BPE) is supported");
  const auto* tokens = file.find_strings("tokenizer.ggml.tokens");
  check(tokens != nullptr && !tokens->empty(), ErrorCode::kModel, file.source(),
        " has no tokenizer.ggml.tokens");
  check(tokens->size() <= static_cast<std::size_t>(text::kMaxVocabulary), ErrorCode::kModel,
        file.source(), ": tokenizer.ggml.tokens has ", tokens->size(), " tokens; ",
        text::kMaxVocabulary, " are the limit");
  text::TokenizerSpec spec;
  spec.tokens = *tokens;
  read_merges(file, spec);
  read_added_tokens(file, spec);
  const std::string pre = file.find_string("tokenizer.ggml.pre").value_or("default");
  spec.pre_tokenizer = text::pre_tokenizer_json_for_gguf(pre);
  spec.normalizer = text::normalizer_json_for_gguf(pre);
  spec.ignore_merges = text::ignore_merges_for_gguf(pre);
  spec.chat_template = file.find_string("tokenizer.chat_template").value_or("");
  spec.bos_id = read_id(file, "tokenizer.ggml.bos_token_id", tokens->size());
  spec.eos_id = read_id(file, "tokenizer.ggml.eos_token_id", tokens->size());
  spec.pad_id = read_id(file, "tokenizer.ggml.padding_token_id", tokens->size());
  spec.unk_id = read_id(file, "tokenizer.ggml.unknown_token_id", tokens->size());
  return spec;
}

}  // namespace cogent::model
