#include "core/base/error.hpp"
#include "core/config/config.hpp"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

// Reads the text; what reads must read back from its own YAML. Everything else is an Error of
// kUsage: another exception ends the program.
void try_config(const std::string& yaml, const std::vector<std::string>& overrides) {
  cogent::RunConfig config;
  try {
    config = cogent::parse_config(yaml, "input", overrides);
  } catch (const cogent::Error& error) {
    if (error.code() != cogent::ErrorCode::kUsage) {
      std::cerr << "error of another code: " << error.what() << "\n";
      std::abort();
    }
    return;
  }
  if (cogent::parse_config(cogent::to_yaml(config), "again", {}) != config) {
    std::cerr << "reads back to another configuration:\n" << cogent::to_yaml(config);
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  try_config(text, {});
  try_config("", {text});
  return 0;
}
