#include "core/base/hash.hpp"
#include "core/config/config.hpp"
#include "core/config/schema.hpp"

namespace cogent {

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
  std::string lines;
  for (const Key& key : schema()) {
    if (key.key_class == KeyClass::kArithmetic) {
      lines += std::string(key.name) + "=" + value_text(key, config) + "\n";
    }
  }
  return xxh3(lines);
}

std::string arithmetic_differences(const RunConfig& then, const RunConfig& now) {
  std::string differences;
  for (const Key& key : schema()) {
    const std::string was = value_text(key, then);
    const std::string is = value_text(key, now);
    if (key.key_class == KeyClass::kArithmetic && was != is) {
      differences +=
          (differences.empty() ? "" : "; ") + std::string(key.name) + " was " + was + ", is " + is;
    }
  }
  return differences;
}

}  // namespace cogent
