#include "core/base/error.hpp"
#include "core/config/config.hpp"
#include "core/config/schema.hpp"

namespace cogent {
namespace {

std::string class_text(const Key& key) {
  return key.key_class == KeyClass::kArithmetic ? "arithmetic" : "operational";
}

std::string kind_and_range(const Key& key) {
  const std::string range = range_text(key.range);
  return kind_text(key) + (range.empty() ? "" : ", " + range);
}

std::string entry(const Key& key) {
  return concat(key.name, "\n  ", key.meaning, "\n  ", kind_and_range(key), "; default ",
                value_text(key, RunConfig()), "; ", class_text(key), "\n");
}

// In a table's cell a bar would end the cell.
std::string cell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) {
    text.insert(at, "\\");
  }
  return text;
}

constexpr std::string_view kIntroduction = R"(# Configuration

Written by `cogent config explain --all`; the table in core/config/schema*.cpp is its source.

A configuration is a YAML map. A key with a dot stands in its section: `optimizer.lr` is `lr` under `optimizer:`, and the dotted
form is read too. Every key has a default; `key=value` on the command line overrides the file, and the value is YAML. An unknown
key, a key that stands twice, a value of the wrong kind or outside its range is an error that names file, line and key. Integers
are plain digits, booleans are `true` and `false`, and a quoted number is a text.

`preset: NAME` stands for the keys of a preset, which the configuration's own keys override: `cogent config presets` lists them, and
[objectives.md](objectives.md#presets) says what they are. What the keys of `grpo` mean in formulas is there too.

Class: *arithmetic* keys change the numbers of a run, so a resume must keep them; *operational* ones (counts of ranks, paths,
logging) a resume may change.
)";

}  // namespace

std::string explain_key(const std::string& key) {
  std::string out;
  for (const Key& known : schema()) {
    if (known.name == key || (is_section(key) && known.section() == key)) {
      out += entry(known);
    }
  }
  check(!out.empty(), ErrorCode::kUsage, key, " is not a known key; the nearest one is ",
        nearest_name(key), " (all keys: cogent config explain --all)");
  return out;
}

std::string explain_all_markdown() {
  constexpr std::string_view kHead =
      "| key | value | default | class | meaning |\n|---|---|---|---|---|\n";
  const RunConfig defaults;
  std::string out(kIntroduction);
  const Key* previous = nullptr;
  for (const Key& key : schema()) {
    if (previous == nullptr || previous->section() != key.section()) {
      out += concat("\n## ", key.section().empty() ? "Top level" : key.section(), "\n\n", kHead);
    }
    out += concat("| `", key.name, "` | ", cell(kind_and_range(key)), " | `",
                  value_text(key, defaults), "` | ", class_text(key), " | ",
                  cell(std::string(key.meaning)), " |\n");
    previous = &key;
  }
  return out;
}

}  // namespace cogent
