#include "rollout/schedule.hpp"

#include <algorithm>

namespace cogent::rollout {
namespace {

// Rows of tokens that stand at `position` of a sequence and behind it: each sees all before it.
// Returns the first of them in the batch.
std::int64_t add_rows(StepBatch& batch, const PageTable& rows, std::int64_t position,
                      std::span<const std::int32_t> ids) {
  const auto first = static_cast<std::int64_t>(batch.ids.size());
  const std::int64_t end = position + static_cast<std::int64_t>(ids.size());
  batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
  for (const model::RowSpan& span : rows.spans(position, end)) {
    for (std::int64_t row = span.begin; row < span.end; ++row) {
      batch.cache_rows.push_back(row);
    }
  }
  for (std::int64_t at = position; at < end; ++at) {
    batch.positions.push_back(static_cast<std::int32_t>(at));
  }
  batch.segments.push_back({first, first + end - position, rows.spans(0, end)});
  return first;
}

// [begin, begin + count) of ids.
std::span<const std::int32_t> part(std::span<const std::int32_t> ids, std::int64_t begin,
                                   std::int64_t count) {
  return ids.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
}

}  // namespace

StepBatch Schedule::make_batch() {
  const bool prefills = std::any_of(active_.begin(), active_.end(), [&](const Sequence& sequence) {
    return needs_prefill(sequence);
  });
  // Rows of prompts fill the step already.
  const std::int64_t draft_room =
      prefills ? 0 : limits_.draft_rows / static_cast<std::int64_t>(active_.size()) - 1;
  StepBatch batch;
  turns_.assign(active_.size(), {});
  for (std::size_t i = 0; i < active_.size(); ++i) {
    turns_[i].tokens = static_cast<std::int64_t>(token_count(active_[i]));
    if (needs_prefill(active_[i])) {
      continue;
    }
    if (turns_[i].tokens == 0) {
      add_stored_draw(batch, i);
    } else {
      add_decode_rows(batch, i, draft_room);
    }
  }
  add_prefill_rows(batch);
  return batch;
}

void Schedule::add_stored_draw(StepBatch& batch, std::size_t sequence) const {
  const std::size_t request = active_[sequence].request;
  if (batch.draws.empty() || batch.draws.back().row != DrawRow::kStored ||
      batch.draws.back().request != request) {
    batch.draws.push_back({.request = request, .sequences = {}});
  }
  batch.draws.back().sequences.push_back(sequence);
}

// The token drawn last is fed, then its draft: a row is the last one that it sees.
void Schedule::add_decode_rows(StepBatch& batch, std::size_t sequence, std::int64_t draft_room) {
  Sequence& at = active_[sequence];
  const std::int64_t count = turns_[sequence].tokens;
  std::vector<std::int32_t> fed = draft(at, draft_room);
  const auto drafted = static_cast<std::int64_t>(fed.size());
  fed.insert(fed.begin(), completion(at).ids.back());
  at.rows.append(drafted);
  const std::int64_t row = add_rows(batch, at.rows, prompt_length(at.request) + count - 1, fed);
  for (std::int64_t i = 0; i <= drafted; ++i) {
    batch.draws.push_back({row + i,
                           at.request,
                           {sequence},
                           count + i,
                           i == 0 ? DrawRow::kNothing : fed[static_cast<std::size_t>(i)]});
  }
  turns_[sequence].decodes = true;
  turns_[sequence].drafted = drafted;
}

// Drafts take free pages, and preempt nobody.
std::vector<std::int32_t> Schedule::draft(const Sequence& sequence, std::int64_t room) const {
  const RolloutRequest& request = requests_[sequence.request];
  const std::vector<std::int32_t>& ids = completion(sequence).ids;
  const std::int64_t left =
      request.sampling.max_new_tokens - static_cast<std::int64_t>(ids.size()) - 1;
  const std::int64_t length =
      std::min({room, left, sequence.draft_length.tokens(), sequence.rows.room()});
  // A repetition penalty sees the tokens accepted so far, and rarely lets a copy through.
  if (length <= 0 || request.sampling.repetition_penalty != 1) {
    return {};
  }
  std::vector<std::span<const std::int32_t>> others;
  const std::vector<Completion>& group = groups_[sequence.request].completions;
  // The latest are enough to copy from: a search of all would grow with the group.
  for (std::size_t i = sequence.index; i-- > 0 && others.size() < kDraftSources;) {
    others.emplace_back(group[i].ids);
  }
  for (std::size_t i = sequence.index + 1; i < group.size() && others.size() < kDraftSources; ++i) {
    others.emplace_back(group[i].ids);
  }
  for (auto last = latest_.rbegin(); last != latest_.rend(); ++last) {
    if (last->request != sequence.request) {
      others.emplace_back(groups_[last->request].completions[last->index].ids);
    }
  }
  return draft_tokens(request.prompt_ids, ids, others, static_cast<std::size_t>(length));
}

// The oldest sequence first: its prompt, then what a preemption took of its completion. Rows of
// both may stand in one step, since a layer writes all keys before it attends to any.
void Schedule::add_prefill_rows(StepBatch& batch) {
  std::int64_t room = limits_.max_prompt_rows;
  for (std::size_t i = 0; i < active_.size() && room > 0; ++i) {
    if (!is_computed(active_[i].request)) {
      room -= add_prompt_rows(batch, active_[i].request, room);
    }
    if (is_computed(active_[i].request) && needs_prefill(active_[i])) {
      room -= add_recomputed_rows(batch, active_[i], room);
    }
  }
  prefill_rows_ += limits_.max_prompt_rows - room;
}

// Returns how many rows they are.
std::int64_t Schedule::add_prompt_rows(StepBatch& batch, std::size_t request, std::int64_t room) {
  PromptState& prompt = prompts_[request];
  const std::int64_t count = std::min(room, prompt_length(request) - prompt.computed);
  const std::int64_t first = add_rows(batch, prompt.rows, prompt.computed,
                                      part(requests_[request].prompt_ids, prompt.computed, count));
  prompt.computed += count;
  if (!is_computed(request)) {
    return count;
  }
  DrawRow draw{.row = first + count - 1, .request = request, .sequences = {}};
  for (std::size_t i = 0; i < active_.size(); ++i) {
    if (active_[i].request == request && turns_[i].tokens == 0) {
      draw.sequences.push_back(i);
    }
  }
  if (!draw.sequences.empty()) {
    batch.draws.push_back(std::move(draw));
  }
  return count;
}

std::int64_t Schedule::add_recomputed_rows(StepBatch& batch, Sequence& sequence,
                                           std::int64_t room) {
  const std::int64_t left =
      static_cast<std::int64_t>(token_count(sequence)) - 1 - sequence.computed;
  const std::int64_t count = std::min(room, left);
  add_rows(batch, sequence.rows, prompt_length(sequence.request) + sequence.computed,
           part(completion_ids(sequence), sequence.computed, count));
  sequence.computed += count;
  return count;
}

}  // namespace cogent::rollout
