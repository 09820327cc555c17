// A GGUF file: its table, the model that it describes, one tensor, and its tokenizer.

#include "core/base/error.hpp"
#include "core/model/weights/gguf_model.hpp"

#include <vector>

namespace {

using namespace cogent::model;

// Past this the test would be about the machine's memory.
constexpr std::int64_t kMaxValues = 1 << 20;

void read_first_block(const WeightSource& source) {
  const std::vector<UnitSpec> units = unit_specs(source.config());
  for (const ParameterSpec& parameter : units.at(1).parameters) {
    if (parameter.size() <= kMaxValues) {
      std::vector<float> values(static_cast<std::size_t>(parameter.size()));
      source.read(parameter, values);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto data = std::as_bytes(std::span(bytes, size));
  try {
    read_first_block(*open_gguf_model(GgufFile(data, "fuzz")));
  } catch (const cogent::Error&) {
  }
  try {
    cogent::text::Tokenizer(read_gguf_tokenizer(GgufFile(data, "fuzz")));
  } catch (const cogent::Error&) {
  }
  return 0;
}
