#pragma once

#include "core/model/weights/gguf.hpp"
#include "core/model/weights/weight_source.hpp"
#include "core/text/tokenizer.hpp"

#include <memory>

namespace cogent::model {

// A GGUF file of architecture llama, qwen2 or qwen3 as a model. Every tensor that the architecture
// needs must be there with its shape, and no other: a tensor that would be left out of the
// arithmetic is an Error. So is rope_freqs.weight, unless it is all ones.
std::unique_ptr<WeightSource> open_gguf_model(GgufFile file);

// The tokenizer in the file's metadata. Control tokens (type 3) become special added tokens,
// user-defined ones (type 4) plain added tokens.
text::TokenizerSpec read_gguf_tokenizer(const GgufFile& file);

}  // namespace cogent::model
