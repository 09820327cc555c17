#include "trainer/learner_memory.hpp"

#include "core/config/working_weights.hpp"

#include <algorithm>
#include <numeric>

namespace cogent::trainer {
namespace {

constexpr std::int64_t kFloat = 4;
constexpr std::int64_t kFixedPoint = 8;

// Over all learners, and of one learner's shards.
std::int64_t all_values(const ShardLayout& layout) {
  std::int64_t values = 0;
  for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
    values += layout.unit_size(unit);
  }
  return values;
}

std::int64_t own_values(const ShardLayout& layout, std::size_t learner) {
  std::int64_t values = 0;
  for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
    values += layout.counts(unit)[learner];
  }
  return values;
}

std::int64_t largest_unit(const ShardLayout& layout) {
  std::int64_t largest = 0;
  for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
    largest = std::max(largest, layout.unit_size(unit));
  }
  return largest;
}

}  // namespace

std::int64_t total_bytes(const std::vector<MemoryPart>& parts) {
  return std::accumulate(parts.begin(), parts.end(), std::int64_t{0},
                         [](std::int64_t sum, const MemoryPart& part) { return sum + part.bytes; });
}

model::PassShape shape_of(const PackedBatch& batch) {
  model::PassShape shape{.rows = batch.rows(),
                         .targets = static_cast<std::int64_t>(batch.targets.size())};
  for (const PackedSegment& segment : batch.segments) {
    std::int64_t keys = 0;
    for (const PackedSpan& span : segment.keys) {
      keys += span.end - span.begin;
    }
    const std::int64_t queries = segment.queries.end - segment.queries.begin;
    shape.tile_keys += model::gradient_tile_keys(queries, keys);
    shape.pairs = std::max(shape.pairs, queries * keys);
  }
  return shape;
}

LearnerMemory::LearnerMemory(const RunConfig& config, const model::ModelConfig& model,
                             const model::LoraConfig& lora, int learners, int learner,
                             bool reference)
    : model_(model),
      lora_(lora),
      layout_(lora.on() ? model::adapter_specs(model, lora) : model::unit_specs(model), learners),
      base_(model::unit_specs(model), learners),
      learner_(static_cast<std::size_t>(learner)),
      settings_(config.learner),
      sum_bytes_(config.numerics == Numerics::kExact ? kFixedPoint : kFloat),
      wire_bytes_(config.numerics == Numerics::kExact ? kFixedPoint
                                                      : bytes_of(config.learner.reduce)),
      weight_bytes_(bytes_of(working_weights(config.model))),
      compute_(config.model.compute == WeightType::kBFloat16 ? at::kBFloat16 : at::kFloat),
      at_once_(learners > 1 && (config.learner.shard == ShardMode::kGradients ||
                                config.learner.shard == ShardMode::kParameters)),
      gathers_units_(learners > 1 && config.learner.shard == ShardMode::kParameters),
      exact_(config.numerics == Numerics::kExact),
      reference_(reference) {}

std::int64_t LearnerMemory::trained() const {
  return all_values(layout_);
}

std::vector<MemoryPart> LearnerMemory::resident() const {
  std::vector<MemoryPart> parts;
  const std::int64_t own = own_values(layout_, learner_);
  const std::int64_t base =
      weight_bytes_ * (gathers_units_ ? own_values(base_, learner_) : all_values(base_));
  parts.push_back({"weights", base});
  const bool rounds = weight_bytes_ != kFloat && !lora_.on();
  parts.push_back({"float32 weights of the optimizer", rounds ? kFloat * own : 0});
  parts.push_back({"adapter", lora_.on() ? kFloat * trained() : 0});
  parts.push_back({"AdamW moments", 2 * kFloat * own});
  std::int64_t sums = sum_bytes_ * (at_once_ ? own : trained());
  if (!at_once_ && layout_.learners() > 1) {
    sums += sum_bytes_ * own;  // what the reduction gives
  }
  parts.push_back({exact_ ? "sums of gradients (64-bit)" : "sums of gradients", sums});
  std::int64_t scratch = 0;
  const std::size_t head = layout_.units().size() - 1;
  if (exact_ || at_once_) {
    std::int64_t inner = 0;
    for (std::size_t unit = 0; unit < head; ++unit) {
      inner = std::max(inner, layout_.unit_size(unit));
    }
    scratch += kFloat * (inner + layout_.unit_size(head));
  }
  if (at_once_) {
    std::int64_t largest_shard = 0;
    for (std::size_t unit = 0; unit <= head; ++unit) {
      largest_shard = std::max(largest_shard, layout_.counts(unit)[learner_]);
    }
    scratch += sum_bytes_ * (largest_unit(layout_) + largest_shard);
  }
  parts.push_back({"scratch of gradients", scratch});
  parts.push_back({"reference policy", reference_ && !lora_.on() ? base : 0});
  return parts;
}

// While the head computes, its own unit and a tied embedding are held, and the blocks behind them
// are under way.
std::int64_t LearnerMemory::gathered_units() const {
  if (!gathers_units_) {
    return 0;
  }
  std::int64_t values = base_.unit_size(base_.units().size() - 1);
  if (model_.tied_embeddings) {
    values += base_.unit_size(0);
  }
  return weight_bytes_ * (values + settings_.prefetch * base_.unit_size(1));
}

std::vector<MemoryPart> LearnerMemory::pass(const model::PassShape& shape) const {
  const std::int64_t saved = model::saved_block_bytes(model_, shape.rows, compute_);
  const auto value_bytes = static_cast<std::int64_t>(c10::elementSize(compute_));
  const std::int64_t input = value_bytes * shape.rows * model_.hidden_size;
  const bool recomputes = settings_.recompute == Recompute::kFull;
  const std::int64_t kept = model_.num_layers * (recomputes ? input : saved);
  // What an adapter adds to the output or the gradient of a layer stands beside it.
  const std::int64_t adapted =
      lora_.on() ? kFloat * shape.rows * std::max(model_.intermediate_size, model_.hidden_size) : 0;
  const std::int64_t block =
      model::block_backward_bytes(model_, shape, compute_) + adapted + (recomputes ? saved : 0);
  // With the reference ops the head's forward holds more than its backward.
  const std::int64_t head = std::max(model::head_backward_bytes(model_, shape, compute_),
                                     model::head_forward_bytes(model_, shape.targets, compute_));
  // Both, though one is over before the other begins: the heap keeps what a block took, and what
  // the head takes is too large to come from the heap.
  return {{"gathered units", gathered_units()},
          {"activations", kept + model::row_plan_bytes(model_, shape.rows) +
                              model::saved_head_bytes(model_, shape.targets, compute_)},
          {"backward of a block", block},
          {"backward of the head", head}};
}

std::vector<MemoryPart> LearnerMemory::scoring(const model::PassShape& shape) const {
  return {{"gathered units", gathered_units()},
          {"forward of the head or a block",
           std::max(model::block_forward_bytes(model_, shape, compute_),
                    model::head_forward_bytes(model_, shape.targets, compute_))}};
}

std::int64_t LearnerMemory::whole_weights() const {
  return gathers_units_ ? weight_bytes_ * all_values(base_) : 0;
}

// Of what a ring of all learners carries: each sends all but its own part.
std::int64_t LearnerMemory::sent_share(std::int64_t bytes) const {
  return bytes / layout_.learners() * (layout_.learners() - 1);
}

std::int64_t LearnerMemory::sent_bytes(std::int64_t slots) const {
  const std::int64_t twice = model_.tied_embeddings ? 1 : 0;
  const std::int64_t uses = trained() + twice * layout_.unit_size(0);
  const std::int64_t reduced = wire_bytes_ * (at_once_ ? slots * uses : trained());
  std::int64_t blocks = 0;
  for (std::size_t unit = 1; unit + 1 < base_.units().size(); ++unit) {
    blocks += base_.unit_size(unit);
  }
  // An adapter is made whole again behind the update, and so are weights that are not gathered; a
  // pass gathers what a forward does, and the blocks once more for its backward.
  const std::int64_t shared = lora_.on()       ? kFloat * trained()
                              : gathers_units_ ? 0
                                               : weight_bytes_ * trained();
  const std::int64_t backward = gathers_units_ ? slots * weight_bytes_ * blocks : 0;
  return sent_share(reduced + shared + backward) + scoring_sent_bytes(slots);
}

std::int64_t LearnerMemory::scoring_sent_bytes(std::int64_t slots) const {
  const std::int64_t twice = model_.tied_embeddings ? 1 : 0;
  const std::int64_t uses = all_values(base_) + twice * base_.unit_size(0);
  return gathers_units_ ? sent_share(slots * weight_bytes_ * uses) : 0;
}

}  // namespace cogent::trainer
