#include "launch/loaded_model.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/model/weights/merged_weights.hpp"
#include "core/model/weights/peft.hpp"
#include "distributed/checkpoint/checkpoint_store.hpp"
#include "launch/report/best_checkpoint.hpp"
#include "trainer/weights_hash.hpp"

#include <filesystem>
#include <optional>
#include <utility>

namespace cogent::launch {
namespace {

// Adapters over adapters: more than this is a folder that leads back to itself.
constexpr int kMostBases = 8;

// The run folder of RUN/checkpoints/best, which names no file; nothing where the path is another.
std::optional<std::filesystem::path> run_of_best(const std::string& path) {
  std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
  whole = whole.has_filename() ? whole : whole.parent_path();
  const std::filesystem::path folder = whole.parent_path();
  if (whole.filename() != "best" || folder.filename() != "checkpoints" ||
      std::filesystem::exists(whole)) {
    return std::nullopt;
  }
  return folder.parent_path().empty() ? "." : folder.parent_path();
}

// A run folder stands for its newest checkpoint, RUN/checkpoints/best for its best one.
std::string resolve(const std::string& path) {
  check(!path.empty(), ErrorCode::kUsage, "no model is named: give --model, or the key model.path");
  if (const auto run = run_of_best(path)) {
    const auto best = best_checkpoint(*run);
    check(
        best.has_value(), ErrorCode::kCheckpoint, path, " names nothing: no valid checkpoint of ",
        run->string(),
        " was evaluated in the loop (train.eval_every, checkpoint.keep_best); name the run folder "
        "for its newest one");
    return best->string();
  }
  if (std::filesystem::is_directory(path) && !distributed::is_checkpoint(path)) {
    if (const auto checkpoint = distributed::latest_checkpoint(path)) {
      return checkpoint->string();
    }
  }
  return path;
}

bool is_adapter(const std::string& found) {
  return distributed::is_checkpoint(found) ? distributed::holds_adapter(found)
                                           : model::is_peft_folder(found);
}

std::string base_of(const std::string& found) {
  std::string base = model::read_peft_config(found).base;
  check(!base.empty(), ErrorCode::kModel, found, ": ", model::kPeftConfigName,
        " has no base_model_name_or_path: set it to the path of the adapter's base model");
  return base;
}

void check_base(const std::string& checkpoint, const std::string& base_path,
                const model::WeightSource& base) {
  const std::uint64_t stored = *distributed::read_checkpoint_state(checkpoint).base_xxh3;
  const std::uint64_t found = trainer::weights_xxh3(base);
  check(found == stored, ErrorCode::kCheckpoint, "the adapter of ", checkpoint,
        " was trained over weights with hash ", hex64(stored), ", ", base_path, " now has ",
        hex64(found), ": put the base back that it was trained over");
}

LoadedModel open_at(const std::string& path, int bases);

// A merged model, under the path of its adapter.
LoadedModel open_adapted(const std::string& found, int bases) {
  check(bases < kMostBases, ErrorCode::kModel, found, " is an adapter over more than ", kMostBases,
        " others: do their ", model::kPeftConfigName, " lead back to it?");
  const std::string base_path = base_of(found);
  LoadedModel base = open_at(base_path, bases + 1);
  if (distributed::is_checkpoint(found)) {
    check_base(found, base_path, *base.weights);
  }
  model::Adapter adapter = open_adapter(found, base.weights->config());
  return {found, merge_adapter(std::move(base.weights), std::move(adapter)),
          std::move(base.tokenizer)};
}

LoadedModel open_at(const std::string& path, int bases) {
  const std::string found = resolve(path);
  if (is_adapter(found)) {
    return open_adapted(found, bases);
  }
  auto weights = distributed::is_checkpoint(found) ? distributed::open_checkpoint_weights(found)
                                                   : model::open_weights(found);
  return {found, std::move(weights), model::open_tokenizer(found)};
}

}  // namespace

LoadedModel open_model(const std::string& path) {
  return open_at(path, 0);
}

text::Tokenizer open_model_tokenizer(const std::string& path) {
  std::string found = resolve(path);
  for (int bases = 0;
       bases < kMostBases && !distributed::is_checkpoint(found) && model::is_peft_folder(found);
       ++bases) {
    found = resolve(base_of(found));
  }
  return model::open_tokenizer(found);
}

model::Adapter open_adapter(const std::string& path, const model::ModelConfig& model) {
  const std::string found = resolve(path);
  if (!distributed::is_checkpoint(found)) {
    return model::open_peft_adapter(found, model);
  }
  check(distributed::holds_adapter(found), ErrorCode::kModel, found,
        " is a checkpoint of all weights, not of an adapter: name it as the model");
  return distributed::open_checkpoint_adapter(found);
}

TrainedAdapter open_trained_adapter(const std::string& path) {
  const std::string found = resolve(path);
  check(distributed::is_checkpoint(found), ErrorCode::kModel, found,
        " is no checkpoint: a checkpoint or run folder of a run with LoRA is needed");
  const model::ModelConfig model = distributed::open_checkpoint_weights(found)->config();
  return {model, open_adapter(found, model), base_of(found)};
}

}  // namespace cogent::launch
