#pragma once

#include <span>
#include <string_view>

namespace cogent {

// A named part of a configuration that a user can print and override: configs/presets/NAME.yaml,
// which the build makes part of the library.
struct Preset {
  std::string_view name;
  std::string_view yaml;  // its first line is a comment that says what it is
};

std::span<const Preset> presets();

// The preset of that name. An Error of kUsage that begins with `where` names the nearest one where
// there is none.
const Preset& find_preset(std::string_view name, std::string_view where);

}  // namespace cogent
