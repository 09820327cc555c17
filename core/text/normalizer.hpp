#pragma once

#include <memory>
#include <string>

namespace cogent::text {

// A step that rewrites text before it is split: the `normalizer` member of tokenizer.json.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Valid UTF-8 in and out.
  virtual std::string apply(const std::string& text) const = 0;
};

// From the JSON text of the member; a null pointer for "null". NFC, NFD, NFKC, NFKD, Lowercase,
// Replace, Prepend, Strip, Sequence. Throws kModel that names any other type.
std::unique_ptr<const Normalizer> make_normalizer(const std::string& json_text);

}  // namespace cogent::text
