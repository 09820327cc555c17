#pragma once

#include <string>

namespace cogent::text {

// A GGUF file names its pre-tokenizer (`tokenizer.ggml.pre`) instead of describing it. These give
// the members of tokenizer.json that the name stands for, for TokenizerSpec. Known names: smollm,
// gpt-2, default, llama-bpe, qwen2. Any other name is an Error of kModel.

// The `pre_tokenizer` member, as JSON text.
std::string pre_tokenizer_json_for_gguf(const std::string& pre_name);
// The `normalizer` member, as JSON text ("null" where there is none).
std::string normalizer_json_for_gguf(const std::string& pre_name);
// Whether a word that is a token as a whole is taken without merging.
bool ignore_merges_for_gguf(const std::string& pre_name);

}  // namespace cogent::text
