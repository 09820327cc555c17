// An adapter_config.json, which must read back the same once it is accepted.

#include "core/base/error.hpp"
#include "core/model/weights/peft_config.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace cogent::model;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  PeftConfig config;
  try {
    config = parse_peft_config(text, "fuzz");
  } catch (const cogent::Error&) {
    return 0;
  }
  const PeftConfig again =
      parse_peft_config(write_peft_config(config.lora, config.base), "written");
  if (again.lora != config.lora || again.base != config.base) {
    std::abort();
  }
  return 0;
}
