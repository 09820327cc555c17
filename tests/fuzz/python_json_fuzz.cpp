#include "core/ner/python_json.hpp"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

// JSON text of a value.
void dump(const cogent::ner::PythonJson& value, std::string& out) {
  using cogent::ner::JsonKind;
  const char* between = "";
  if (value.kind == JsonKind::kObject) {
    out += '{';
    for (const auto& [key, member] : value.members) {
      out += between + cogent::ner::dump_python_string(key) + ':';
      dump(member, out);
      between = ",";
    }
    out += '}';
  } else if (value.kind == JsonKind::kArray) {
    out += '[';
    for (const auto& item : value.items) {
      out += between;
      dump(item, out);
      between = ",";
    }
    out += ']';
  } else {
    out +=
        value.kind == JsonKind::kString ? cogent::ner::dump_python_string(value.text) : value.text;
  }
}

}  // namespace

// What reads, written out, reads to the same text again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto first = cogent::ner::parse_python_json({reinterpret_cast<const char*>(bytes), size});
  if (!first.value.has_value()) {
    if (first.error.empty()) {
      std::abort();
    }
    return 0;
  }
  std::string once;
  dump(*first.value, once);
  const auto second = cogent::ner::parse_python_json(once);
  if (!second.value.has_value()) {
    std::cerr << "does not read back: " << second.error << "\n" << once << "\n";
    std::abort();
  }
  // Lone surrogates are repaired when their raw form is read: the text settles after one round.
  std::string twice;
  dump(*second.value, twice);
  std::string thrice;
  dump(*cogent::ner::parse_python_json(twice).value, thrice);
  if (twice != thrice) {
    std::abort();
  }
  return 0;
}
