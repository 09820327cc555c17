#pragma once

#include "core/model/weights/lora.hpp"
#include "core/model/weights/weight_source.hpp"
#include "core/text/tokenizer.hpp"

#include <memory>
#include <string>

namespace cogent::launch {

// A model as `--model` and `model.path` name it: a Hugging Face directory, a GGUF file, a
// checkpoint directory, a run folder (its newest valid checkpoint), or RUN/checkpoints/best (its
// best one by the evaluations in the loop). A PEFT folder or a
// checkpoint of a run with LoRA is the model that it names as its base, with the adapter merged in.
// Errors are kModel, or kCheckpoint for a damaged checkpoint and for a base that is not the one
// that its adapter was trained over.
struct LoadedModel {
  std::string path;  // what was opened in the end
  std::unique_ptr<model::WeightSource> weights;
  text::Tokenizer tokenizer;
};
LoadedModel open_model(const std::string& path);
// Where only the tokenizer is wanted: no weight is loaded. Of a run folder the files of its newest
// checkpoint are still checked, to find one that is whole.
text::Tokenizer open_model_tokenizer(const std::string& path);

// An adapter without its base: of a PEFT folder, or of a checkpoint or run folder of a run with
// LoRA. `model`: what it has to fit.
model::Adapter open_adapter(const std::string& path, const model::ModelConfig& model);

// An adapter that a run trained, its model's shape, and the path of its base. An Error of kModel
// where the path is no checkpoint with one.
struct TrainedAdapter {
  model::ModelConfig model;
  model::Adapter adapter;
  std::string base;
};
TrainedAdapter open_trained_adapter(const std::string& path);

}  // namespace cogent::launch
