#pragma once

#include "core/model/ops/ops.hpp"
#include "core/records/records.hpp"
#include "rollout/draft.hpp"
#include "rollout/row_allocator.hpp"
#include "rollout/sampling.hpp"

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace cogent::rollout {

struct ScheduleLimits {
  std::int64_t max_sequences = 0;    // completions in progress
  std::int64_t max_prompt_rows = 0;  // prompt rows of a step
  // Rows of a step up to which drafted tokens are added to those of the sequences; 0: none. Below
  // some number of rows a step takes the time of reading the weights, whatever the rows.
  std::int64_t draft_rows = 0;
};

// A completion in progress.
struct Sequence {
  std::size_t request = 0;     // index in the list of requests
  std::uint32_t index = 0;     // in its group
  std::int64_t begin_row = 0;  // its first own KV cache row
  DraftLength draft_length;
};

// One drawn token. `logprob`: natural logarithm of its probability under the full softmax at the
// sampling temperature (1 where greedy), before repetition penalty and truncation;
// `truncated_logprob`: behind them, where the request wants it.
struct Draw {
  std::int32_t id = 0;
  float logprob = 0;
  float truncated_logprob = 0;
};

// A row of logits and the sequences that draw their next token from it.
struct DrawRow {
  static constexpr std::int64_t kStored = -1;
  std::int64_t row = kStored;          // row of the step's batch, or the prompt's stored logits
  std::size_t request = 0;             // of the sequences
  std::vector<std::size_t> sequences;  // indices of Schedule::active()
  std::int64_t position = 0;           // of the drawn token in its completion
  std::int32_t drafted = kNothing;     // the draw counts only if this was drawn before it
  static constexpr std::int32_t kNothing = -1;
};

// One forward of the model: the last token of each sequence with its draft, then rows of waiting
// prompts.
struct StepBatch {
  std::vector<std::int32_t> ids;         // [rows]
  std::vector<std::int32_t> positions;   // [rows]
  std::vector<std::int64_t> cache_rows;  // [rows]
  std::vector<model::AttentionSegment> segments;
  std::vector<DrawRow> draws;
};

// Decides what each step of continuous batching computes. Completions are admitted in the order of
// the requests, as slots and cache rows become free; those of a group share their prompt's rows. A
// completion that is admitted after its prompt was computed draws its first token from the prompt's
// stored logits.
//
// Where few sequences are left, a step also feeds drafted tokens behind a sequence's last one.
// Every row's token is drawn as if the draft were the completion; accept() keeps those whose draft
// proved right and the one behind, which are the tokens of plain decoding.
//
// Per step: next(), then store_logits() where wants_logits(), accept() for every drawn token in the
// order of the rows, finish_step().
class Schedule {
 public:
  // References must outlive the schedule; `groups` [requests] gets the completions.
  Schedule(std::span<const RolloutRequest> requests, std::span<RolloutGroup> groups,
           ScheduleLimits limits, RowAllocator& rows);

  bool done() const { return active_.empty() && next_request_ == requests_.size(); }
  StepBatch next();

  const std::vector<Sequence>& active() const { return active_; }
  std::size_t token_count(const Sequence& sequence) const;
  std::span<const std::int32_t> completion_ids(const Sequence& sequence) const;

  // Whether completions of this request will draw their first token in a later step.
  bool wants_logits(std::size_t request) const;
  void store_logits(std::size_t request, std::span<const float> logits);
  std::span<const float> stored_logits(std::size_t request) const;

  // Takes the draw, unless it stands behind a draft that proved wrong or behind the end.
  void accept(const DrawRow& row, const Sequence& sequence, const Draw& draw);
  // Frees what the finished sequences held.
  void finish_step();

  std::int64_t finished() const { return finished_; }
  std::int64_t tokens() const { return tokens_; }      // of all completions
  std::int64_t drafted() const { return drafted_; }    // tokens guessed
  std::int64_t accepted() const { return accepted_; }  // of them, those that a draw followed

 private:
  struct PromptState {
    std::int64_t begin_row = 0;
    std::int64_t computed = 0;         // prompt rows in the cache
    std::uint32_t finished = 0;        // completions
    std::vector<float> stored_logits;  // [vocab] of the last prompt row
  };

  bool admit_one();
  bool is_computed(std::size_t request) const;
  bool is_finished(const Sequence& sequence) const;
  Completion& completion(const Sequence& sequence) const;
  void add_stored_draw(StepBatch& batch, std::size_t sequence) const;
  void add_decode_rows(StepBatch& batch, std::size_t sequence);
  std::vector<std::int32_t> draft(const Sequence& sequence, std::int64_t room) const;
  void add_prompt_rows(StepBatch& batch);

  std::span<const RolloutRequest> requests_;
  std::span<RolloutGroup> groups_;
  ScheduleLimits limits_;
  RowAllocator& rows_;
  std::vector<PromptState> prompts_;    // [requests]
  std::vector<Sequence> active_;        // in order of admission
  std::deque<std::size_t> to_compute_;  // requests whose prompt is not wholly in the cache
  std::size_t next_request_ = 0;        // the next completion to admit
  std::uint32_t next_index_ = 0;
  std::int64_t finished_ = 0;
  std::int64_t tokens_ = 0;
  std::int64_t drafted_ = 0;
  std::int64_t accepted_ = 0;
  std::vector<std::int64_t> step_drafted_;  // [active] tokens guessed in this step
  std::vector<std::int64_t> step_counts_;   // [active] tokens at the step's begin
};

}  // namespace cogent::rollout
