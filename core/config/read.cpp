#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/config/config.hpp"
#include "core/config/document.hpp"
#include "core/config/presets.hpp"
#include "core/config/schema.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <type_traits>

namespace cogent {
namespace {

constexpr std::size_t kShownBytes = 60;

std::string shown(std::string_view text) {
  return text.size() <= kShownBytes ? std::string(text)
                                    : std::string(text.substr(0, kShownBytes)) + "...";
}

bool is_quoted(const YAML::Node& node) {
  return node.Tag() == "!";
}

std::string description(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return (is_quoted(node) ? "the quoted text '" : "'") + shown(node.Scalar()) + "'";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a map of keys";
    default:
      return "empty";
  }
}

// "source:line" of a key.
std::string place_of(const YAML::Node& key, const std::string& source) {
  return concat(source, ":", key.Mark().line + 1);
}

bool is_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  return !digits.empty() &&
         std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
}

// An end of a range as a value of an integer type.
template <typename T>
T bound(double end) {
  using Limits = std::numeric_limits<T>;
  if (end <= static_cast<double>(Limits::min())) {
    return Limits::min();
  }
  return end >= static_cast<double>(Limits::max()) ? Limits::max() : static_cast<T>(end);
}

// Reads one value into a configuration. One object a value: `where` is its place in the source.
struct ValueReader {
  const Key& key;
  const YAML::Node& node;
  const std::string& where;
  RunConfig& config;

  [[noreturn]] void fail_kind(const YAML::Node& there) const {
    fail(ErrorCode::kUsage, where, ": ", key.name, " is ", description(there), ", it must be ",
         kind_text(key));
  }
  // Numbers and booleans are plain: "5" in quotes is a text.
  const std::string& plain_scalar(const YAML::Node& from) const {
    if (!from.IsScalar() || is_quoted(from)) {
      fail_kind(from);
    }
    return from.Scalar();
  }

  double number(const YAML::Node& from) const {
    const std::string& text = plain_scalar(from);
    double value = 0;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ec == std::errc::invalid_argument || result.ptr != end || std::isnan(value)) {
      fail_kind(from);
    }
    check(result.ec == std::errc() && std::isfinite(value), ErrorCode::kUsage, where, ": ",
          key.name, " is ", shown(text), ", which does not fit a double: write a finite number");
    check(value >= key.range.min && value <= key.range.max, ErrorCode::kUsage, where, ": ",
          key.name, " is ", shown(text), ", it must be ", range_text(key.range));
    return value;
  }

  std::string text(const YAML::Node& from) const {
    if (!from.IsScalar()) {
      fail_kind(from);
    }
    // yaml-cpp reads the escapes \N and \_ as one byte each.
    check(find_broken_utf8(from.Scalar()) == std::string::npos, ErrorCode::kUsage, where, ": ",
          key.name, " has an escape that gives no UTF-8 text: write the character itself");
    return from.Scalar();
  }

  void operator()(const Slot<bool>& slot) const {
    const std::string& word = plain_scalar(node);
    if (word != "true" && word != "false") {
      fail_kind(node);
    }
    slot.at(config) = word == "true";
  }

  template <typename T>
  requires std::is_integral_v<T>
  void operator()(const Slot<T>& slot) const {
    const std::string& word = plain_scalar(node);
    if (!is_integer(word)) {
      fail_kind(node);
    }
    T value = 0;
    const auto result = std::from_chars(word.data(), word.data() + word.size(), value);
    const T lowest = bound<T>(key.range.min);
    const T highest = bound<T>(key.range.max);
    check(result.ec == std::errc() && value >= lowest && value <= highest, ErrorCode::kUsage, where,
          ": ", key.name, " is ", shown(word), ", it must be from ", lowest, " to ", highest);
    slot.at(config) = value;
  }

  void operator()(const Slot<double>& slot) const { slot.at(config) = number(node); }

  void operator()(const Slot<std::vector<double>>& slot) const {
    if (!node.IsSequence()) {
      fail_kind(node);
    }
    std::vector<double> values;
    for (const YAML::Node& item : node) {
      values.push_back(number(item));
    }
    slot.at(config) = std::move(values);
  }

  void operator()(const Slot<std::string>& slot) const {
    slot.at(config) = node.IsNull() ? std::string() : text(node);
  }

  void operator()(const Slot<std::vector<std::string>>& slot) const {
    std::vector<std::string> values;
    if (node.IsSequence()) {
      for (const YAML::Node& item : node) {
        values.push_back(text(item));
      }
    } else if (!node.IsNull()) {
      values.push_back(text(node));
    }
    slot.at(config) = std::move(values);
  }

  void operator()(const Choice& choice) const {
    if (!node.IsScalar()) {
      fail_kind(node);
    }
    const auto found = std::ranges::find(choice.words, node.Scalar());
    if (found == choice.words.end()) {
      fail_kind(node);
    }
    choice.write(config, static_cast<std::size_t>(found - choice.words.begin()));
  }
};

// Reads one source (a file, or one override) into a configuration.
class SourceReader {
 public:
  SourceReader(std::string source, RunConfig& config)
      : source_(std::move(source)), config_(config) {}

  // A map of keys under a prefix ("" or "section"). Only sections are entered, so the depth is that
  // of the table, whatever the aliases of the text.
  void read_map(const YAML::Node& map, const std::string& prefix) {
    for (const auto& entry : map) {
      const std::string where = place_of(entry.first, source_);
      check(entry.first.IsScalar(), ErrorCode::kUsage, where, ": a key is ",
            description(entry.first), ", it must be a word");
      const std::string& word = entry.first.Scalar();
      read_entry(prefix.empty() ? word : concat(prefix, ".", word), entry.second, where);
    }
  }

  void read_entry(const std::string& name, const YAML::Node& value, const std::string& where) {
    if (name == kPresetKey) {
      check_first(name, where);
      return;  // expanded in front of everything else
    }
    if (is_section(name)) {
      check(value.IsMap() || value.IsNull(), ErrorCode::kUsage, where, ": ", name, " is ",
            description(value), ", it must be a map of keys");
      check_first(name, where);
      read_map(value, name);
      return;
    }
    const Key* key = find_key(name);
    check(key != nullptr, ErrorCode::kUsage, where, ": ", shown(name),
          " is not a known key; the nearest one is ", nearest_name(name),
          " (all keys: cogent config explain --all)");
    check_first(name, where);
    std::visit(ValueReader{*key, value, where, config_}, key->field);
  }

 private:
  void check_first(const std::string& name, const std::string& where) {
    check(seen_.insert(name).second, ErrorCode::kUsage, where, ": ", name,
          " stands twice: remove one of the two");
  }

  std::string source_;
  RunConfig& config_;
  std::set<std::string> seen_;
};

// What may stand for an empty value. yaml-cpp also reads a lone comment or directive as one.
bool is_null_text(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return true;
  }
  const std::string_view word = text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
  return word == "~" || word == "null";
}

// One key=value of the command line.
struct Override {
  std::string where, name;
  YAML::Node value;
};

Override read_override(const std::string& text) {
  const auto equals = text.find('=');
  check(equals != std::string::npos, ErrorCode::kUsage, "override '", shown(text),
        "' has no '=': write key=value");
  const std::string where = concat("override '", shown(text), "'");
  const std::string value = text.substr(equals + 1);
  const YAML::Node node = parse_yaml_document(value, where);
  check(!node.IsNull() || is_null_text(value), ErrorCode::kUsage, where, ": '", shown(value),
        "' is no YAML value: put it in quotes");
  return {where, text.substr(0, equals), node};
}

void expand_preset(const YAML::Node& name, const std::string& where, RunConfig& config) {
  if (name.IsNull()) {
    return;
  }
  check(name.IsScalar(), ErrorCode::kUsage, where, ": preset is ", description(name),
        ", it must be the name of a preset (cogent config presets)");
  const Preset& preset = find_preset(name.Scalar(), where);
  const std::string source = concat("preset ", preset.name);
  SourceReader(source, config).read_map(parse_yaml_document(std::string(preset.yaml), source), "");
}

// The preset that the last override names, else the file, in front of all other keys.
void expand_named_preset(const YAML::Node& root, const std::string& source_name,
                         std::span<const Override> overrides, RunConfig& config) {
  const auto last = std::find_if(overrides.rbegin(), overrides.rend(),
                                 [](const Override& o) { return o.name == kPresetKey; });
  if (last != overrides.rend()) {
    expand_preset(last->value, last->where, config);
    return;
  }
  for (const auto& entry : root) {
    if (entry.first.IsScalar() && entry.first.Scalar() == kPresetKey) {
      expand_preset(entry.second, place_of(entry.first, source_name), config);
      return;
    }
  }
}

}  // namespace

RunConfig parse_config(const std::string& yaml, const std::string& source_name,
                       std::span<const std::string> overrides) {
  RunConfig config;
  const YAML::Node root = parse_yaml_document(yaml, source_name);
  check(root.IsMap() || root.IsNull(), ErrorCode::kUsage, source_name, " is ", description(root),
        ", it must be a map of keys");
  std::vector<Override> given;
  for (const std::string& text : overrides) {
    given.push_back(read_override(text));
  }
  expand_named_preset(root, source_name, given, config);
  SourceReader(source_name, config).read_map(root, "");
  for (const Override& item : given) {
    SourceReader(item.where, config).read_entry(item.name, item.value, item.where);
  }
  return config;
}

RunConfig load_config(const std::filesystem::path& file, std::span<const std::string> overrides) {
  return file.empty() ? parse_config("", "", overrides)
                      : parse_config(read_file(file, ErrorCode::kUsage), file.string(), overrides);
}

}  // namespace cogent
