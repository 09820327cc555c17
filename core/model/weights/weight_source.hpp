#pragma once

#include "core/model/weights/model_config.hpp"
#include "core/text/tokenizer.hpp"

#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace cogent::model {

// Where a model's weights come from: a Hugging Face directory, a GGUF file, or a random
// initialisation. Files stay mapped; a tensor is converted when it is read. Every length and offset
// is checked against the file: an Error of kModel names the tensor and both numbers.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual const ModelConfig& config() const = 0;
  // Fills `out` with the parameter of this Hugging Face name, row-major, as float32 (quantised and
  // 16-bit tensors are converted exactly; GGUF's permuted q and k rows of llama files are put back
  // in rotate-half order). out.size() must be the parameter's size.
  virtual void read(const ParameterSpec& parameter, std::span<float> out) const = 0;
};

// A model as a user names it. `path`: a Hugging Face directory (config.json, *.safetensors,
// tokenizer.json), a GGUF file, or, for tests, "random:KEY=VALUE,..." over an existing tokenizer
// (docs/formats/models.md): hidden=64,layers=2,heads=4,kv_heads=2,head_dim=16,
// intermediate=128,seed=1,tokenizer=PATH,family=llama|qwen2|qwen3,tied=1. Random weights come from
// Philox (RandomStream::kInitialise).
std::unique_ptr<WeightSource> open_weights(const std::string& path);

// The tokenizer, chat template included, that belongs to the same path.
text::Tokenizer open_tokenizer(const std::string& path);

}  // namespace cogent::model
