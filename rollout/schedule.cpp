#include "rollout/schedule.hpp"

#include "core/base/error.hpp"
#include "rollout/stop_text.hpp"

#include <algorithm>
#include <numeric>

namespace cogent::rollout {
namespace {

std::int64_t own_pages(const RolloutRequest& request, std::int64_t page_rows) {
  return pages_of(request.sampling.max_new_tokens - 1, page_rows);
}

}  // namespace

std::int64_t pages_of_prompt(const RolloutRequest& request, std::int64_t page_rows) {
  return pages_of(static_cast<std::int64_t>(request.prompt_ids.size()), page_rows);
}

std::int64_t pages_of_completion(const RolloutRequest& request, std::int64_t page_rows) {
  return pages_of_prompt(request, page_rows) + own_pages(request, page_rows);
}

std::vector<std::size_t> admission_order(std::span<const RolloutRequest> requests) {
  std::vector<std::size_t> order(requests.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const std::int32_t budget_of_a = requests[a].sampling.max_new_tokens;
    const std::int32_t budget_of_b = requests[b].sampling.max_new_tokens;
    return budget_of_a != budget_of_b
               ? budget_of_a > budget_of_b
               : requests[a].prompt_ids.size() > requests[b].prompt_ids.size();
  });
  return order;
}

Schedule::Schedule(std::span<const RolloutRequest> requests, std::span<RolloutGroup> groups,
                   ScheduleLimits limits, PagePool& pool, const text::Tokenizer* tokenizer)
    : requests_(requests),
      groups_(groups),
      limits_(limits),
      pool_(pool),
      tokenizer_(tokenizer),
      drafter_(requests, groups),
      order_(admission_order(requests)) {
  prompts_.reserve(requests.size());
  for (const RolloutRequest& request : requests) {
    prompts_.push_back({.rows = PageTable(pool), .waiting = request.group_size});
    completions_ += request.group_size;
  }
}

// Who is in progress grows before somebody else is admitted.
StepBatch Schedule::next() {
  grow();
  admit();
  check(!active_.empty(), ErrorCode::kUnexpected, "a completion needs more KV cache than the ",
        pool_.pages(), " pages, of which ", pool_.free_pages(),
        " are free with no completion in progress");
  return make_batch();
}

std::optional<Schedule::Waiting> Schedule::next_waiting() const {
  if (!preempted_.empty()) {
    return preempted_.back();
  }
  if (next_place_ == order_.size()) {
    return std::nullopt;
  }
  return Waiting{order_[next_place_], next_index_};
}

void Schedule::leave_queue() {
  if (!preempted_.empty()) {
    preempted_.pop_back();
  } else if (++next_index_ == requests_[order_[next_place_]].group_size) {
    ++next_place_;
    next_index_ = 0;
  }
}

void Schedule::admit() {
  std::int64_t growing = std::count_if(
      active_.begin(), active_.end(), [&](const Sequence& sequence) { return may_grow(sequence); });
  while (static_cast<std::int64_t>(active_.size()) < limits_.max_sequences) {
    const std::optional<Waiting> next = next_waiting();
    if (!next || !make_pages(*next, growing)) {
      return;
    }
    start(*next);
    leave_queue();
    growing += may_grow(active_.back()) ? 1 : 0;
  }
}

// Whether the pages that this completion takes at once are free, and one more for itself and for
// each of the `growing` sequences in progress: one that is admitted into the last pages would be
// preempted soon, and its rows computed in vain.
bool Schedule::make_pages(const Waiting& next, std::int64_t growing) {
  const RolloutRequest& request = requests_[next.request];
  const std::int64_t page_rows = pool_.page_rows();
  const std::int64_t own = pages_of(tokens_of(next), page_rows);
  const bool cached = prompts_[next.request].rows.rows() > 0;
  std::int64_t needed = own + (cached ? 0 : pages_of_prompt(request, page_rows));
  if (!active_.empty()) {
    needed += growing + (own < own_pages(request, page_rows) ? 1 : 0);
  }
  while (pool_.free_pages() < needed) {
    if (!drop_idle_prompt(next.request)) {
      return false;
    }
  }
  return true;
}

void Schedule::start(const Waiting& next) {
  PromptState& prompt = prompts_[next.request];
  if (prompt.rows.rows() == 0) {
    prompt.rows.append(prompt_length(next.request));
  }
  active_.push_back(Sequence{next.request, next.index, prompt.rows.fork()});
  active_.back().rows.append(tokens_of(next));
  ++prompt.active;
  --prompt.waiting;
}

bool Schedule::may_grow(const Sequence& sequence) const {
  return sequence.rows.pages() <
         pages_of_completion(requests_[sequence.request], pool_.page_rows());
}

// A row for the token that each sequence feeds next, the oldest sequence first.
void Schedule::grow() {
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const std::int64_t missing = prompt_length(active_[i].request) +
                                 static_cast<std::int64_t>(token_count(active_[i])) -
                                 active_[i].rows.rows();
    while (i < active_.size() && !active_[i].rows.append(missing)) {
      if (!drop_idle_prompt({})) {
        preempt_last();
      }
    }
  }
}

void Schedule::preempt_last() {
  check(active_.size() > 1, ErrorCode::kUnexpected,
        "the only completion in progress needs more KV cache than the ", pool_.pages(), " pages");
  const Sequence& last = active_.back();
  PromptState& prompt = prompts_[last.request];
  --prompt.active;
  ++prompt.waiting;
  preempted_.push_back({last.request, last.index});
  active_.pop_back();
  ++preemptions_;
}

// Gives back the pages of a prompt that only waiting completions need, if there is one. Its logits
// stay: those of its completions that have no token yet draw from them.
bool Schedule::drop_idle_prompt(std::optional<std::size_t> keep) {
  for (std::size_t request = requests_.size(); request-- > 0;) {
    PromptState& prompt = prompts_[request];
    if (prompt.active == 0 && prompt.rows.rows() > 0 && request != keep) {
      prompt.rows.truncate(0);
      prompt.computed = 0;
      return true;
    }
  }
  return false;
}

std::int64_t Schedule::tokens_of(const Waiting& waiting) const {
  const Completion& result = groups_[waiting.request].completions[waiting.index];
  return static_cast<std::int64_t>(result.ids.size());
}

std::size_t Schedule::token_count(const Sequence& sequence) const {
  return completion(sequence).ids.size();
}

std::span<const std::int32_t> Schedule::completion_ids(const Sequence& sequence) const {
  return completion(sequence).ids;
}

Completion& Schedule::completion(const Sequence& sequence) const {
  return groups_[sequence.request].completions[sequence.index];
}

std::int64_t Schedule::prompt_length(std::size_t request) const {
  return static_cast<std::int64_t>(requests_[request].prompt_ids.size());
}

bool Schedule::is_computed(std::size_t request) const {
  return prompts_[request].computed == prompt_length(request);
}

bool Schedule::needs_prefill(const Sequence& sequence) const {
  return !is_computed(sequence.request) ||
         sequence.computed + 1 < static_cast<std::int64_t>(token_count(sequence));
}

bool Schedule::wants_logits(std::size_t request) const {
  return prompts_[request].waiting > 0 && prompts_[request].stored_logits.empty();
}

void Schedule::store_logits(std::size_t request, std::span<const float> logits) {
  prompts_[request].stored_logits.assign(logits.begin(), logits.end());
}

std::span<const float> Schedule::stored_logits(std::size_t request) const {
  return prompts_[request].stored_logits;
}

void Schedule::accept(const DrawRow& row, const Sequence& sequence, const Draw& draw) {
  Completion& result = completion(sequence);
  const bool follows = static_cast<std::int64_t>(result.ids.size()) == row.position &&
                       !is_finished(sequence) &&
                       (row.drafted == DrawRow::kNothing || result.ids.back() == row.drafted);
  if (!follows) {
    return;
  }
  ++tokens_;
  accepted_ += row.drafted == DrawRow::kNothing ? 0 : 1;
  result.ids.push_back(draw.id);
  result.logprobs.push_back(draw.logprob);
  if (requests_[sequence.request].sampling.truncated_logprobs) {
    result.truncated_logprobs.push_back(draw.truncated_logprob);
  }
  const bool ended = ends_text(requests_[sequence.request], result.ids);
  result.finish = ended ? Finish::kStop : Finish::kLength;
}

bool Schedule::ends_text(const RolloutRequest& request, std::span<const std::int32_t> ids) const {
  const std::vector<std::int32_t>& ends = request.sampling.stop_ids;
  return std::find(ends.begin(), ends.end(), ids.back()) != ends.end() ||
         (!request.sampling.stop_texts.empty() &&
          completes_stop_text(*tokenizer_, ids, request.sampling.stop_texts));
}

bool Schedule::is_finished(const Sequence& sequence) const {
  const Completion& result = completion(sequence);
  return !result.ids.empty() && (result.finish == Finish::kStop ||
                                 static_cast<std::int64_t>(result.ids.size()) >=
                                     requests_[sequence.request].sampling.max_new_tokens);
}

void Schedule::finish_step() {
  for (std::size_t i = 0; i < active_.size(); ++i) {
    if (!turns_[i].decodes) {
      continue;
    }
    Sequence& sequence = active_[i];
    sequence.computed = static_cast<std::int64_t>(token_count(sequence)) - 1;
    // Rows of a draft that proved wrong.
    sequence.rows.truncate(prompt_length(sequence.request) + sequence.computed);
    drafter_.record(turns_[i].draft, sequence.computed - turns_[i].tokens, is_finished(sequence));
    drafted_ += static_cast<std::int64_t>(turns_[i].draft.size());
  }
  std::erase_if(active_, [&](const Sequence& sequence) {
    if (!is_finished(sequence)) {
      return false;
    }
    PromptState& prompt = prompts_[sequence.request];
    if (--prompt.active == 0 && prompt.waiting == 0) {
      prompt.rows.truncate(0);
      prompt.stored_logits = {};
      drafter_.forget(sequence.request);
    }
    ++finished_;
    drafter_.finish(sequence.request, sequence.index);
    return true;
  });
}

}  // namespace cogent::rollout
