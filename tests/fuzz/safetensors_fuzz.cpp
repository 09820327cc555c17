// A safetensors file: its header, and every tensor that it holds.

#include "core/base/error.hpp"
#include "core/model/weights/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace cogent::model;
  try {
    for (const auto& [name, tensor] :
         parse_safetensors(std::as_bytes(std::span(bytes, size)), "fuzz")) {
      std::vector<float> values(static_cast<std::size_t>(tensor.size()));
      tensor.to_float(values);
    }
  } catch (const cogent::Error&) {
  }
  return 0;
}
