#include "distributed/checkpoint/counters.hpp"

#include "core/base/error.hpp"
#include "distributed/checkpoint/layout.hpp"

#include <charconv>

namespace cogent::distributed {

std::int64_t read_counter(const CheckpointState& state, const std::string& name) {
  const std::string where =
      concat(step_folder_name(state.step), "/", kManifestName, ": counters: ");
  const auto found = state.counters.find(name);
  check(found != state.counters.end(), ErrorCode::kCheckpoint, where, name,
        " is missing: continue with the build that wrote the checkpoint, or name another run.dir");
  const std::string& text = found->second;
  const char* const end = text.data() + text.size();
  std::int64_t value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  check(failure == std::errc{} && stop == end && value >= 0, ErrorCode::kCheckpoint, where, name,
        " is \"", text, "\", which is no count");
  return value;
}

}  // namespace cogent::distributed
