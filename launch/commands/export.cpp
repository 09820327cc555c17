#include "core/model/weights/export.hpp"

#include "core/model/weights/peft.hpp"
#include "launch/cli.hpp"
#include "launch/loaded_model.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace cogent::launch {
namespace {

struct Options {
  std::string model;
  std::string out;
  std::string dtype = "float32";
  bool adapter = false;
};

model::ExportType export_type(const Options& options) {
  return options.dtype == "float32" ? model::ExportType::kFloat32 : model::ExportType::kBfloat16;
}

void export_adapter(const Options& options) {
  const TrainedAdapter trained = open_trained_adapter(options.model);
  model::export_peft(trained.model, trained.adapter, trained.base, export_type(options),
                     options.out);
}

void export_model(const Options& options) {
  const LoadedModel source = open_model(options.model);
  model::export_huggingface(
      source.weights->config(), source.tokenizer.spec(),
      [&](const model::ParameterSpec& parameter, std::span<float> values) {
        source.weights->read(parameter, values);
      },
      export_type(options), options.out);
}

}  // namespace

void add_export(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("export", "Write a model as a Hugging Face directory");
  command->footer(
      "Examples:\n  cogent export runs/grpo/checkpoints/step-00000030 --out tuned\n"
      "  cogent export runs/sft/checkpoints/best --out tuned\n"
      "  cogent export runs/lora --adapter --out adapter\n"
      "A model that was tuned with LoRA is written whole, its adapter merged in, but for "
      "--adapter.");
  command
      ->add_option("model", options->model,
                   "checkpoint, run folder, RUN/checkpoints/best, GGUF file, Hugging Face "
                   "directory or PEFT adapter")
      ->required();
  command->add_option("--out", options->out, "directory to make")->required();
  command->add_option("--dtype", options->dtype, "float32 or bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->add_flag("--adapter", options->adapter,
                    "write the LoRA adapter alone, as a folder for PEFT");
  command->callback(
      [options] { options->adapter ? export_adapter(*options) : export_model(*options); });
}

}  // namespace cogent::launch
