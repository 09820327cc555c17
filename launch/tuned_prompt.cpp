#include "launch/tuned_prompt.hpp"

#include "core/config/config.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"

#include <filesystem>

namespace cogent::launch {

namespace fs = std::filesystem;

std::optional<RunConfig> tuned_prompt(const std::string& model) {
  if (!distributed::is_checkpoint(model)) {
    return std::nullopt;
  }
  const fs::path run = fs::canonical(model).parent_path().parent_path();
  const fs::path file = run / "config.yaml";
  if (!fs::is_regular_file(file)) {
    return std::nullopt;
  }
  const RunConfig settings = load_config(file, {});
  RunConfig config;
  config.prompt = settings.prompt;
  config.chat = settings.chat;
  return config;
}

}  // namespace cogent::launch
