#pragma once

#include "core/config/run_config.hpp"
#include "core/model/transformer_memory.hpp"
#include "core/model/weights/lora.hpp"
#include "core/model/weights/model_config.hpp"
#include "trainer/packing.hpp"
#include "trainer/shard_layout.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cogent::trainer {

// Something that takes memory, by name.
struct MemoryPart {
  std::string name;
  std::int64_t bytes = 0;
};
std::int64_t total_bytes(const std::vector<MemoryPart>& parts);

// Of one value of the weights that are computed with.
constexpr std::int64_t bytes_of(WeightType type) {
  return type == WeightType::kBFloat16 ? 2 : 4;
}

model::PassShape shape_of(const PackedBatch& batch);

// What ShardedModel, GradientSum, UnitGather and FrozenWeights of one learner take, with the CPU's
// own kernels, or the reference ops in bfloat16. A test compares it with what a process really
// takes.
class LearnerMemory {
 public:
  // `lora`: the adapter, or one that is off. `reference`: whether there is a frozen reference
  // policy. `learner`: which one.
  LearnerMemory(const RunConfig& config, const model::ModelConfig& model,
                const model::LoraConfig& lora, int learners, int learner, bool reference);

  // Between two updates, all of it touched: weights, moments, sums of gradients and their scratch.
  std::vector<MemoryPart> resident() const;
  // What a forward and a backward of one micro-batch add.
  std::vector<MemoryPart> pass(const model::PassShape& shape) const;
  // What it adds that a learner holds all weights for a while (WholeWeights); 0 where it does
  // anyway.
  std::int64_t whole_weights() const;
  // What scoring a micro-batch adds.
  std::vector<MemoryPart> scoring(const model::PassShape& shape) const;

  std::int64_t trained() const;  // values that are trained, of all learners
  // Bytes that this learner sends over the wire in one update of so many slots, and in as many
  // forwards that only score.
  std::int64_t sent_bytes(std::int64_t slots) const;
  std::int64_t scoring_sent_bytes(std::int64_t slots) const;

 private:
  std::int64_t gathered_units() const;  // bytes
  std::int64_t sent_share(std::int64_t bytes) const;

  const model::ModelConfig model_;
  const model::LoraConfig lora_;
  ShardLayout layout_;  // of what is trained
  ShardLayout base_;    // of what is gathered: the same, but with LoRA
  std::size_t learner_;
  LearnerSettings settings_;
  std::int64_t sum_bytes_;     // of one value
  std::int64_t wire_bytes_;    // of one value of a gradient that is sent
  std::int64_t weight_bytes_;  // of one value that is computed with
  at::ScalarType compute_;     // of activations
  bool at_once_;               // gradients are reduced use by use
  bool gathers_units_;
  bool exact_;
  bool reference_;
};

}  // namespace cogent::trainer
