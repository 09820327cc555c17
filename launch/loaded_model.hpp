#pragma once

#include "core/model/weights/weight_source.hpp"
#include "core/text/tokenizer.hpp"

#include <memory>
#include <string>

namespace cogent::launch {

// A model as `--model` and `model.path` name it: a Hugging Face directory, a GGUF file, a
// checkpoint directory, or a run folder (its newest valid checkpoint). Errors are kModel, or
// kCheckpoint for a damaged checkpoint.
struct LoadedModel {
  std::string path;  // what was opened in the end
  std::unique_ptr<model::WeightSource> weights;
  text::Tokenizer tokenizer;
};
LoadedModel open_model(const std::string& path);
// Where only the tokenizer is wanted: no weight is looked at.
text::Tokenizer open_model_tokenizer(const std::string& path);

}  // namespace cogent::launch
