#include "core/config/presets.hpp"

#include "core/base/error.hpp"
#include "core/config/schema.hpp"

#include <algorithm>
#include <vector>

namespace cogent {

const Preset& find_preset(std::string_view name, std::string_view where) {
  const auto found = std::ranges::find(presets(), name, &Preset::name);
  if (found == presets().end()) {
    std::vector<std::string_view> names;
    for (const Preset& preset : presets()) {
      names.push_back(preset.name);
    }
    fail(ErrorCode::kUsage, where, ": preset is '", name.substr(0, 60),
         "', which does not exist; the nearest one is ", nearest_of(name, names),
         " (all presets: cogent config presets)");
  }
  return *found;
}

}  // namespace cogent
