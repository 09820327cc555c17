// export_model MODEL OUT [bfloat16]: a model as a Hugging Face folder.

#include "core/base/error.hpp"
#include "core/model/weights/export.hpp"
#include "core/model/weights/weight_source.hpp"

#include <iostream>
#include <string_view>

int main(int argc, char** argv) {
  using namespace cogent::model;
  if (argc < 3) {
    std::cerr << "usage: export_model MODEL OUT [bfloat16]\n";
    return 2;
  }
  const bool is_short = argc > 3 && std::string_view(argv[3]) == "bfloat16";
  try {
    const auto source = open_weights(argv[1]);
    const auto tokenizer = open_tokenizer(argv[1]);
    export_huggingface(
        source->config(), tokenizer.spec(),
        [&](const ParameterSpec& parameter, std::span<float> values) {
          source->read(parameter, values);
        },
        is_short ? ExportType::kBfloat16 : ExportType::kFloat32, argv[2]);
  } catch (const cogent::Error& error) {
    std::cerr << error.what() << "\n";
    return cogent::exit_status(error.code());
  }
  return 0;
}
