#pragma once

#include "core/model/weights/weight_source.hpp"
#include "core/text/tokenizer.hpp"

#include <filesystem>
#include <memory>

namespace cogent::model {

// A Hugging Face folder as a model. Every tensor that config.json implies must be there with its
// shape, and none that the arithmetic would leave out.
std::unique_ptr<WeightSource> open_hf_model(const std::filesystem::path& folder);

// The tokenizer of a tokenizer.json, with the tokenizer_config.json and chat_template.jinja that
// stand beside it (the latter's template wins, as in transformers).
text::TokenizerSpec read_hf_tokenizer(const std::filesystem::path& tokenizer_json);

}  // namespace cogent::model
