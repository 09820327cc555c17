#include "core/ner/schema.hpp"

#include "core/ner/normalise.hpp"
#include "core/ner/unicode.hpp"

#include <algorithm>
#include <array>

namespace cogent::ner {

bool is_dropped_label(std::string_view label) {
  constexpr std::array<std::string_view, 7> kDropped = {"",     "na",    "n a", "misc",
                                                        "else", "other", "nan"};
  return std::find(kDropped.begin(), kDropped.end(), label) != kDropped.end();
}

std::vector<std::string> normalise_schema(std::span<const std::string> labels) {
  std::vector<std::string> schema;
  for (const std::string& given : labels) {
    std::string label = normalise_label(given);
    if (!is_dropped_label(label)) {
      schema.push_back(std::move(label));
    }
  }
  // The order of UTF-8 bytes is the order of code points.
  std::sort(schema.begin(), schema.end());
  schema.erase(std::unique(schema.begin(), schema.end()), schema.end());
  return schema;
}

bool in_schema(std::span<const std::string> schema, std::string_view label) {
  return std::binary_search(schema.begin(), schema.end(), label);
}

std::vector<Mention> clean_mentions(std::span<const Mention> mentions) {
  std::vector<Mention> cleaned;
  for (const Mention& mention : mentions) {
    cleaned.push_back({strip(mention.text), normalise_label(mention.label)});
  }
  return cleaned;
}

std::vector<Mention> clean_gold(std::span<const Mention> mentions) {
  std::vector<Mention> cleaned = clean_mentions(mentions);
  std::erase_if(cleaned, [](const Mention& mention) { return is_dropped_label(mention.label); });
  return cleaned;
}

}  // namespace cogent::ner
