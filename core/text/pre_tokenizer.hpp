#pragma once

#include <memory>
#include <string>
#include <vector>

namespace cogent::text {

// Words of a text, none empty; each is merged on its own.
using Words = std::vector<std::string>;

// A step that cuts words into smaller ones: the `pre_tokenizer` member of tokenizer.json.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends what becomes of one word. Valid UTF-8 in and out.
  virtual void cut(const std::string& word, Words& out) const = 0;
};

// From the JSON text of the member: ByteLevel, Digits, Split, Whitespace, WhitespaceSplit,
// Punctuation, Sequence. Exactly one ByteLevel step must be there: its spelling is the
// vocabulary's. Throws kModel that names any other type.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const std::string& json_text);

}  // namespace cogent::text
