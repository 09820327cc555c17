// A config.json, which must read back the same once it is accepted.

#include "core/base/error.hpp"
#include "core/model/weights/hf_config.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace cogent::model;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  ModelConfig config;
  try {
    config = parse_model_config_json(text, "fuzz");
  } catch (const cogent::Error&) {
    return 0;
  }
  parameter_count(config);
  const std::string written = write_model_config_json(config, ExportType::kFloat32);
  if (parse_model_config_json(written, "written") != config) {
    std::abort();
  }
  return 0;
}
