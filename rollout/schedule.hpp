#pragma once

#include "core/model/ops/ops.hpp"
#include "core/records/records.hpp"
#include "core/text/tokenizer.hpp"
#include "rollout/draft.hpp"
#include "rollout/kv_pages.hpp"
#include "rollout/sampling.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cogent::rollout {

struct ScheduleLimits {
  std::int64_t max_sequences = 0;    // completions in progress
  std::int64_t max_prompt_rows = 0;  // rows of a step for prompts and for preempted completions
  // Rows of a step up to which drafted tokens are added to those of the sequences; 0: none. Below
  // some number of rows a step takes the time of reading the weights, whatever the rows.
  std::int64_t draft_rows = 0;
};

// A completion in progress.
struct Sequence {
  std::size_t request = 0;  // index in the list of requests
  std::uint32_t index = 0;  // in its group
  PageTable rows;           // the prompt's, shared by the group, then its own
  // Own rows whose keys and values are in the cache. A token's row is computed in the step behind
  // the one that drew it, so that the last token of a sequence never has one.
  std::int64_t computed = 0;
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

// One forward of the model: the last token of each sequence with its draft, then rows of prompts
// and of preempted completions.
struct StepBatch {
  std::vector<std::int32_t> ids;         // [rows]
  std::vector<std::int32_t> positions;   // [rows]
  std::vector<std::int64_t> cache_rows;  // [rows]
  std::vector<model::AttentionSegment> segments;
  std::vector<DrawRow> draws;
};

// Pages of `page_rows` rows that a request's prompt takes.
std::int64_t pages_of_prompt(const RolloutRequest& request, std::int64_t page_rows);
// Those that one completion takes at most, with its prompt's: its last token needs no row.
std::int64_t pages_of_completion(const RolloutRequest& request, std::int64_t page_rows);

// Requests in the order in which they are admitted: the longest expected completions first, so that
// those left alone at the end are short. Of a completion that is not drawn only its budget and its
// prompt are known: the larger budget comes first, then the longer prompt, whose answer may have
// more to copy, then the order of the requests.
std::vector<std::size_t> admission_order(std::span<const RolloutRequest> requests);

// Decides what each step of continuous batching computes. Completions are admitted in
// admission_order(), as slots and pages of the KV cache become free; those of a group share their
// prompt's pages, and each takes pages of its own as it grows. A completion that is admitted after
// its prompt was computed draws its first token from the prompt's stored logits.
//
// Where a sequence has no page to grow into, the one admitted last is preempted: it gives its pages
// back and keeps its tokens, and is the next to be admitted. Then its rows, and its prompt's where
// nobody kept them, are computed again in chunks like those of a prompt, and it goes on with the
// bits that it would have had. The oldest sequence is never preempted, so every completion comes to
// its end.
//
// Where few sequences are left, a step also feeds drafted tokens behind the last ones of those
// whose guesses are likeliest (draft_rows.hpp). Every row's token is drawn as if the draft were the
// completion; accept() keeps those whose draft proved right and the one behind, which are the
// tokens of plain decoding.
//
// Per step: next(), then store_logits() where wants_logits(), accept() for every drawn token in the
// order of the rows, finish_step().
class Schedule {
 public:
  // References must outlive the schedule; `groups` [requests] gets the completions. The pool must
  // have pages_of_completion() for each request alone. `tokenizer` may be null where no request has
  // stop texts.
  Schedule(std::span<const RolloutRequest> requests, std::span<RolloutGroup> groups,
           ScheduleLimits limits, PagePool& pool, const text::Tokenizer* tokenizer = nullptr);

  bool done() const { return finished_ == completions_; }
  StepBatch next();

  const std::vector<Sequence>& active() const { return active_; }
  std::size_t token_count(const Sequence& sequence) const;
  std::span<const std::int32_t> completion_ids(const Sequence& sequence) const;

  // Whether completions of this request may draw their first token in a later step.
  bool wants_logits(std::size_t request) const;
  void store_logits(std::size_t request, std::span<const float> logits);
  std::span<const float> stored_logits(std::size_t request) const;

  // Takes the draw, unless it stands behind a draft that proved wrong or behind the end.
  void accept(const DrawRow& row, const Sequence& sequence, const Draw& draw);
  // Frees what the finished sequences held.
  void finish_step();

  std::int64_t finished() const { return finished_; }  // completions
  std::int64_t tokens() const { return tokens_; }      // of all completions
  std::int64_t drafted() const { return drafted_; }    // tokens guessed
  std::int64_t accepted() const { return accepted_; }  // of them, those that a draw followed
  std::int64_t preemptions() const { return preemptions_; }
  // Rows of prompts and of preempted completions, those computed again included.
  std::int64_t prefill_rows() const { return prefill_rows_; }

 private:
  struct Waiting {
    std::size_t request = 0;
    std::uint32_t index = 0;
  };
  struct PromptState {
    PageTable rows;                         // none where the prompt is not in the cache
    std::int64_t computed = 0;              // of them, those in the cache
    std::int64_t active = 0;                // completions in progress
    std::int64_t waiting = 0;               // completions to be admitted
    std::vector<float> stored_logits = {};  // [vocab] of the last prompt row
  };
  // What a step does for a sequence.
  struct Turn {
    std::int64_t tokens = 0;        // that it had before
    std::vector<Guess> draft = {};  // verified
    bool decodes = false;
  };

  // Admission and pages (schedule.cpp).
  std::optional<Waiting> next_waiting() const;
  void leave_queue();
  void admit();
  bool make_pages(const Waiting& next, std::int64_t growing);
  void start(const Waiting& next);
  bool may_grow(const Sequence& sequence) const;
  void grow();
  void preempt_last();
  bool drop_idle_prompt(std::optional<std::size_t> keep);

  std::int64_t prompt_length(std::size_t request) const;
  std::int64_t tokens_of(const Waiting& waiting) const;
  bool is_computed(std::size_t request) const;
  bool needs_prefill(const Sequence& sequence) const;
  bool is_finished(const Sequence& sequence) const;
  bool ends_text(const RolloutRequest& request, std::span<const std::int32_t> ids) const;
  Completion& completion(const Sequence& sequence) const;

  // Rows of a step (schedule_batch.cpp).
  StepBatch make_batch();
  void add_stored_draw(StepBatch& batch, std::size_t sequence) const;
  void choose_drafts();
  std::vector<Guess> guess(const Sequence& sequence, std::int64_t room);
  void add_decode_rows(StepBatch& batch, std::size_t sequence);
  void add_prefill_rows(StepBatch& batch);
  std::int64_t add_prompt_rows(StepBatch& batch, std::size_t request, std::int64_t room);
  std::int64_t add_recomputed_rows(StepBatch& batch, Sequence& sequence, std::int64_t room);

  std::span<const RolloutRequest> requests_;
  std::span<RolloutGroup> groups_;
  ScheduleLimits limits_;
  PagePool& pool_;
  const text::Tokenizer* tokenizer_;
  std::vector<PromptState> prompts_;  // [requests]
  std::vector<Sequence> active_;      // in order of admission
  std::vector<Turn> turns_;           // [active] of this step
  std::vector<Waiting> preempted_;    // the next to be admitted last
  Drafter drafter_;
  std::vector<std::size_t> order_;  // [requests] of admission
  std::size_t next_place_ = 0;      // in order_: the first completion that was never admitted
  std::uint32_t next_index_ = 0;
  std::int64_t completions_ = 0;  // of all requests
  std::int64_t finished_ = 0;
  std::int64_t tokens_ = 0;
  std::int64_t drafted_ = 0;
  std::int64_t accepted_ = 0;
  std::int64_t preemptions_ = 0;
  std::int64_t prefill_rows_ = 0;
};

}  // namespace cogent::rollout
