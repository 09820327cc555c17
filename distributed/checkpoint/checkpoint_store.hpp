#pragma once

#include "core/model/weights/lora.hpp"
#include "core/model/weights/weight_source.hpp"
#include "distributed/communicator.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cogent::distributed {

// Where in a parameter (canonical row-major order, no padding) a run of values stands.
struct ShardPlace {
  std::string parameter;            // Hugging Face name
  std::vector<std::int64_t> shape;  // of the whole parameter
  std::int64_t offset = 0;          // first value
};
struct ShardView {
  ShardPlace place;
  std::span<const float> values;
};
struct ShardTarget {
  ShardPlace place;
  std::span<float> values;
};

// What is stored of a parameter.
enum class ShardKind : std::uint8_t {
  kWeight,
  kExpAvg,
  kExpAvgSq
};  // groups "weight", "exp_avg", "exp_avg_sq"

// Everything about a checkpoint that is not a tensor. The manifest holds it.
struct CheckpointState {
  std::int64_t step = 0;
  std::int64_t updates = 0;                // AdamW's t, and the schedule's
  std::string stage;                       // "sft" or "grpo"
  std::uint64_t weights_xxh3 = 0;          // of what is trained
  std::optional<std::uint64_t> base_xxh3;  // with LoRA: of the frozen weights, which are not stored
  std::uint64_t arithmetic_digest = 0;
  std::uint64_t data_digest = 0;
  std::string fingerprint;                      // CPU kernels and library versions that ran
  std::map<std::string, std::string> counters;  // the stage's own: skipped updates, best F1, ...
};

// The checkpoints of one run folder: DIR/step-00000012/ with one HDF5 file a learner, the model's
// config.json and tokenizer files, and manifest.yaml, written last. Layout:
// docs/formats/checkpoint.md. A step-N.tmp is never read. Errors are kCheckpoint.
class CheckpointStore {
 public:
  // Collective. `learners`: the ranks that hold shards; it must outlive the store. keep_last < 1
  // counts as 1. Takes the folder over: stores of earlier starts of the run refuse to save from
  // here on.
  CheckpointStore(std::filesystem::path dir, Communicator& learners, std::int64_t keep_last);
  ~CheckpointStore();

  // Collective. Writes this rank's shards into step-N.tmp, syncs, agrees over the ranks that all
  // succeeded, then rank 0 writes the manifest and renames. A failure on any rank is an Error on
  // all (naming the rank and its reason), and the last good checkpoint is untouched. The shards of
  // a parameter have to cover it exactly once over all ranks; empty ones are allowed. `files`:
  // small text files that make the folder a model (config.json, tokenizer.json,
  // tokenizer_config.json). `kept`: steps of older checkpoints that stay beside the newest
  // keep_last. Rank 0's files and kept steps count.
  void save(const CheckpointState& state, const std::map<ShardKind, std::vector<ShardView>>& shards,
            const std::map<std::string, std::string>& files,
            std::span<const std::int64_t> kept = {});

  // Collective. The newest checkpoint whose every file passes (existence, size, hash). Invalid ones
  // are named in the log and passed over; where checkpoints stand but none is valid, an Error.
  // Nothing: there is no checkpoint.
  std::optional<CheckpointState> find_latest();

  // Fills the targets from the checkpoint of this step, whatever number of learners wrote it;
  // checksums are verified. Each rank reads on its own.
  void load(std::int64_t step, const std::map<ShardKind, std::vector<ShardTarget>>& targets);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Is this folder one checkpoint (it has a manifest)? And the newest valid one of a run folder or of
// its checkpoints/ folder, if it is one.
bool is_checkpoint(const std::filesystem::path& dir);
std::optional<std::filesystem::path> latest_checkpoint(
    const std::filesystem::path& run_or_checkpoints_dir);
// The first of these steps whose checkpoint in a checkpoints/ folder is valid; those before it are
// named in the log.
std::optional<std::filesystem::path> first_valid_checkpoint(const std::filesystem::path& dir,
                                                            std::span<const std::int64_t> steps);
// Does this checkpoint hold an adapter, in place of a model's weights? Its base then is what its
// adapter_config.json names, and has the hash of its state.
bool holds_adapter(const std::filesystem::path& dir);
// The adapter of such a checkpoint.
model::Adapter open_checkpoint_adapter(const std::filesystem::path& dir);
// A checkpoint of all weights as a model, for `--model` and `model.path`. Its config.json and
// tokenizer files are read like a Hugging Face directory's.
std::unique_ptr<model::WeightSource> open_checkpoint_weights(const std::filesystem::path& dir);
CheckpointState read_checkpoint_state(const std::filesystem::path& dir);

}  // namespace cogent::distributed
