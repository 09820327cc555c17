#include "core/text/tokenizer.hpp"

#include "core/base/error.hpp"
#include "core/text/added_tokens.hpp"
#include "core/text/bpe.hpp"
#include "core/text/byte_level.hpp"
#include "core/text/normalizer.hpp"
#include "core/text/pre_tokenizer.hpp"
#include "core/text/utf8.hpp"

#include <utility>

namespace cogent::text {
namespace {

constexpr std::size_t kMaxInput = std::size_t{1} << 30;  // bytes

bool is_valid_utf8(const std::string& text) {
  return repair_utf8(text) == text;
}

TokenizerSpec checked(TokenizerSpec spec) {
  check(!spec.tokens.empty(), ErrorCode::kModel, "the tokenizer has no vocabulary");
  check(spec.tokens.size() <= static_cast<std::size_t>(kMaxVocabulary), ErrorCode::kModel,
        "the tokenizer has ", spec.tokens.size(), " tokens; at most ", kMaxVocabulary,
        " are possible");
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    check(is_valid_utf8(spec.tokens[id]), ErrorCode::kModel, "token ", id,
          " of the tokenizer is not valid UTF-8");
  }
  const auto size = static_cast<std::int32_t>(spec.tokens.size());
  for (const AddedToken& token : spec.added_tokens) {
    check(token.id >= 0 && token.id < size, ErrorCode::kModel, "the added token \"", token.content,
          "\" has the id ", token.id, "; the vocabulary has ", size, " tokens");
    check(!token.content.empty() && spec.tokens[token.id] == token.content, ErrorCode::kModel,
          "the added token \"", token.content, "\" has the id ", token.id,
          ", where the vocabulary has \"", spec.tokens[token.id], "\"");
  }
  for (const auto& [name, id] :
       {std::pair("bos", spec.bos_id), std::pair("eos", spec.eos_id), std::pair("pad", spec.pad_id),
        std::pair("unk", spec.unk_id), std::pair("model_unk", spec.model_unk_id)}) {
    check(id >= -1 && id < size, ErrorCode::kModel, "the tokenizer's ", name, " token has the id ",
          id, "; the vocabulary has ", size, " tokens");
  }
  return spec;
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerSpec given)
      : spec(checked(std::move(given))),
        normalizer(make_normalizer(spec.normalizer)),
        pre_tokenizer(make_pre_tokenizer(spec.pre_tokenizer)),
        added(spec.added_tokens, normalizer.get()),
        bpe(spec) {
    bytes.reserve(spec.tokens.size());
    for (const std::string& token : spec.tokens) {
      bytes.push_back(from_byte_level(token));
    }
    // `tokenizers` keeps such a token in its normalised form.
    for (const AddedToken& token : spec.added_tokens) {
      if (token.normalized && normalizer != nullptr) {
        bytes[token.id] = from_byte_level(normalizer->apply(token.content));
      }
    }
  }

  void check_id(std::int32_t id) const {
    check(id >= 0 && static_cast<std::size_t>(id) < spec.tokens.size(), ErrorCode::kData,
          "token id ", id, " is outside the vocabulary of ", spec.tokens.size(), " tokens");
  }

  TokenizerSpec spec;
  std::unique_ptr<const Normalizer> normalizer;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  AddedTokens added;
  Bpe bpe;
  std::vector<std::string> bytes;  // by id: what the token decodes to
};

Tokenizer::Tokenizer(TokenizerSpec spec) : impl_(std::make_unique<const Impl>(std::move(spec))) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, SpecialText special) const {
  check(text.size() <= kMaxInput, ErrorCode::kData, "a text of ", text.size(),
        " bytes is to be tokenized; at most ", kMaxInput, " are possible");
  std::vector<std::int32_t> ids;
  for (const Segment& segment : impl_->added.cut(repair_utf8(text), special)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
      continue;
    }
    Words words;
    impl_->pre_tokenizer->cut(segment.text, words);
    for (const std::string& word : words) {
      impl_->bpe.encode(word, ids);
    }
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, SpecialTokens special) const {
  std::string bytes;
  for (const std::int32_t id : ids) {
    impl_->check_id(id);
    if (special == SpecialTokens::kKeep || !impl_->added.is_special(id)) {
      bytes += impl_->bytes[id];
    }
  }
  return repair_utf8(bytes);
}

std::string Tokenizer::token_bytes(std::int32_t id) const {
  impl_->check_id(id);
  return impl_->bytes[id];
}

std::int32_t Tokenizer::vocab_size() const {
  return static_cast<std::int32_t>(impl_->spec.tokens.size());
}

std::optional<std::int32_t> Tokenizer::token_id(std::string_view content) const {
  return impl_->bpe.token_id(content);
}

const TokenizerSpec& Tokenizer::spec() const {
  return impl_->spec;
}

}  // namespace cogent::text
