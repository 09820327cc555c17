#include "core/base/hash.hpp"
#include "core/config/config.hpp"
#include "core/config/schema.hpp"

namespace cogent {
namespace {

std::uint64_t digest(const RunConfig& config, KeyClass key_class) {
  std::string lines;
  for (const Key& key : schema()) {
    if (key.key_class == key_class) {
      lines += std::string(key.name) + "=" + value_text(key, config) + "\n";
    }
  }
  return xxh3(lines);
}

}  // namespace

std::string to_yaml(const RunConfig& config) {
  std::string out;
  std::string_view section;
  for (const Key& key : schema()) {
    if (key.section() != section) {
      section = key.section();
      out += std::string(section) + ":\n";
    }
    out += (section.empty() ? "" : "  ") + std::string(key.last_word()) + ": " +
           value_text(key, config) + "\n";
  }
  return out;
}

std::uint64_t arithmetic_digest(const RunConfig& config) {
  return digest(config, KeyClass::kArithmetic);
}

std::uint64_t operational_digest(const RunConfig& config) {
  return digest(config, KeyClass::kOperational);
}

}  // namespace cogent
