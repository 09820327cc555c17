#pragma once

#include "core/config/run_config.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cogent {

// The table of the configuration: private to core/config and its tests. Reading, writing, digests
// and documentation all walk it, so a key is described in one place.

enum class KeyClass {
  kArithmetic,   // changes the numbers of a run
  kOperational,  // a resume may change it
};

// Both ends are allowed values. Of a list: of each of its items.
struct Range {
  static constexpr double kLowest = std::numeric_limits<double>::lowest();
  static constexpr double kHighest = std::numeric_limits<double>::max();

  double min = kLowest;
  double max = kHighest;
};

// Where a value of type T stands in a RunConfig.
template <typename T>
struct Slot {
  T& (*at)(RunConfig&);

  const T& read(const RunConfig& config) const { return at(const_cast<RunConfig&>(config)); }
};

// An enumeration: its words in the order of its values.
struct Choice {
  std::span<const std::string_view> words;
  std::size_t (*read)(const RunConfig&);
  void (*write)(RunConfig&, std::size_t);
};

using Field = std::variant<Slot<bool>, Slot<int>, Slot<std::int64_t>, Slot<std::uint64_t>,
                           Slot<double>, Slot<std::string>, Slot<std::vector<std::string>>,
                           Slot<std::vector<double>>, Choice>;

struct Key {
  std::string_view name;  // "section.name", or one word at the top level
  KeyClass key_class;
  Field field;
  Range range;
  std::string_view meaning;  // one sentence, with the unit

  std::string_view section() const;    // empty at the top level
  std::string_view last_word() const;  // the name without its section
};

// Every key, top level first, then section by section in the order of RunConfig.
std::span<const Key> schema();
const Key* find_key(std::string_view name);  // null where there is none
bool is_section(std::string_view name);

// What stands in a configuration without being one of its keys: it is expanded when read.
inline constexpr std::string_view kPresetKey = "preset";

// Of some known words, the nearest to a name by edit distance; the first of several.
std::string_view nearest_of(std::string_view name, std::span<const std::string_view> known);
// The known key or section that is nearest to a name by edit distance.
std::string_view nearest_name(std::string_view name);

// "an integer", "one of none | optimizer": what a value of the key must be.
std::string kind_text(const Key& key);
// "from 0 to 1", "at least 0"; empty where every value is allowed.
std::string range_text(const Range& range);
// The value as one line of YAML that reads back to the same value.
std::string value_text(const Key& key, const RunConfig& config);

}  // namespace cogent
