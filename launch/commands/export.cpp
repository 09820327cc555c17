#include "core/model/weights/export.hpp"

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
};

void run(const Options& options) {
  const LoadedModel source = open_model(options.model);
  model::export_huggingface(
      source.weights->config(), source.tokenizer.spec(),
      [&](const model::ParameterSpec& parameter, std::span<float> values) {
        source.weights->read(parameter, values);
      },
      options.dtype == "float32" ? model::ExportType::kFloat32 : model::ExportType::kBfloat16,
      options.out);
}

}  // namespace

void add_export(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("export", "Write a model as a Hugging Face directory");
  command->footer("Example:\n  cogent export runs/grpo/checkpoints/step-00000030 --out tuned");
  command
      ->add_option("model", options->model,
                   "checkpoint, run folder, GGUF file or Hugging Face directory")
      ->required();
  command->add_option("--out", options->out, "directory to make")->required();
  command->add_option("--dtype", options->dtype, "float32 or bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
