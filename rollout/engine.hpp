#pragma once

#include "core/model/transformer.hpp"
#include "core/records/records.hpp"
#include "core/text/tokenizer.hpp"
#include "rollout/engine_statistics.hpp"
#include "rollout/kv_pages.hpp"
#include "rollout/sampling.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace cogent::rollout {

class Schedule;
struct StepBatch;

struct EngineOptions {
  std::int64_t max_sequences = 64;     // completions in progress at a time
  std::int64_t max_batch_rows = 2048;  // rows of one forward for prompts and preempted completions
  // Rows of a forward up to which drafted tokens are verified beside the sequences' own; 0: no
  // drafts. They never change what is drawn, only how soon (architecture.md section 7).
  std::int64_t draft_rows = 16;
  // Bytes that keys and values may take; 0: as many as max_sequences completions can need. With
  // fewer, completions wait for pages or are preempted, which changes no draw (schedule.hpp).
  std::int64_t kv_cache_bytes = 0;
  std::int64_t page_rows = kPageRows;  // of the KV cache; no draw depends on it
  // The model's, which must outlive the engine; needed where a request has stop texts.
  const text::Tokenizer* tokenizer = nullptr;
};

struct EngineProgress {
  std::int64_t finished = 0;           // completions of this call
  std::int64_t completions = 0;        // asked for in this call
  std::int64_t completion_tokens = 0;  // drawn in this call
};

// Draws completions by continuous batching over a paged KV cache, in which a group shares its
// prompt's pages.
// Model and weights are referenced: their owner may write other weights between two calls, outside
// a PanelScope of its own. During a call the weights are in panels, for `progress` too, and behind
// it, or where it throws, they are as before. The same
// tokens and log-probabilities come out whatever the batch, the order of the requests and the
// threads; the log-probabilities have the bits that the learner computes for the same tokens (where
// the CPU has own kernels for all ops: model/ops/ops.hpp).
class Engine {
 public:
  Engine(const model::Transformer& model, model::ModelWeights& weights, EngineOptions options = {});

  // Groups in the order of the requests, each with its completions in order; policy_version and
  // rewards are the caller's to fill. Throws kUsage or kData where a request cannot be drawn
  // (naming it and both numbers), kNumerics where logits are not finite. `progress` is called after
  // each step.
  std::vector<RolloutGroup> generate(
      std::span<const RolloutRequest> requests,
      const std::function<void(const EngineProgress&)>& progress = {});

  // Gives back the memory of keys and values, which is kept from call to call.
  void release_cache();

  // Of all calls since the engine was made, or since take_statistics().
  const EngineStatistics& statistics() const { return statistics_; }
  // statistics(), which begin anew.
  EngineStatistics take_statistics() { return std::exchange(statistics_, {}); }

 private:
  void check_request(const RolloutRequest& request) const;
  void check_fits(const RolloutRequest& request) const;
  std::int64_t page_bytes() const;
  void reserve_cache(std::span<const RolloutRequest> requests);
  at::Tensor forward(StepBatch& batch);
  void draw(std::span<const RolloutRequest> requests, const StepBatch& batch,
            const at::Tensor& hidden, Schedule& schedule);

  const model::Transformer& model_;
  model::ModelWeights& weights_;
  EngineOptions options_;
  model::KvCache cache_;
  std::int64_t cache_pages_ = 0;
  EngineStatistics statistics_;
};

}  // namespace cogent::rollout
