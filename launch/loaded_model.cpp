#include "launch/loaded_model.hpp"

#include "core/base/error.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"

#include <filesystem>

namespace cogent::launch {
namespace {

// A run folder stands for its newest checkpoint.
std::string resolve(const std::string& path) {
  check(!path.empty(), ErrorCode::kUsage, "no model is named: give --model, or the key model.path");
  if (std::filesystem::is_directory(path) && !distributed::is_checkpoint(path)) {
    if (const auto checkpoint = distributed::latest_checkpoint(path)) {
      return checkpoint->string();
    }
  }
  return path;
}

}  // namespace

LoadedModel open_model(const std::string& path) {
  const std::string found = resolve(path);
  auto weights = distributed::is_checkpoint(found) ? distributed::open_checkpoint_weights(found)
                                                   : model::open_weights(found);
  return {found, std::move(weights), model::open_tokenizer(found)};
}

text::Tokenizer open_model_tokenizer(const std::string& path) {
  return model::open_tokenizer(resolve(path));
}

}  // namespace cogent::launch
