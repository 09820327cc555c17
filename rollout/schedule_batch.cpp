#include "rollout/draft_rows.hpp"
#include "rollout/schedule.hpp"

#include <algorithm>
#include <utility>

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
  StepBatch batch;
  turns_.assign(active_.size(), {});
  for (std::size_t i = 0; i < active_.size(); ++i) {
    turns_[i].tokens = static_cast<std::int64_t>(token_count(active_[i]));
  }
  choose_drafts();
  for (std::size_t i = 0; i < active_.size(); ++i) {
    if (needs_prefill(active_[i])) {
      continue;
    }
    if (turns_[i].tokens == 0) {
      add_stored_draw(batch, i);
    } else {
      add_decode_rows(batch, i);
    }
  }
  add_prefill_rows(batch);
  return batch;
}

// Of the sequences that decode, unless rows of prompts fill the step already.
void Schedule::choose_drafts() {
  std::vector<std::size_t> decoding;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    if (needs_prefill(active_[i])) {
      return;
    }
    if (turns_[i].tokens > 0) {
      decoding.push_back(i);
    }
  }
  const std::int64_t room = limits_.draft_rows - static_cast<std::int64_t>(decoding.size());
  if (room <= 0) {
    return;
  }
  std::vector<std::vector<Guess>> guesses;
  guesses.reserve(decoding.size());
  for (const std::size_t i : decoding) {
    guesses.push_back(guess(active_[i], room));
  }
  const std::vector<std::size_t> counts = share_draft_rows(guesses, limits_.draft_rows);
  for (std::size_t j = 0; j < decoding.size(); ++j) {
    guesses[j].resize(counts[j]);
    turns_[decoding[j]].draft = std::move(guesses[j]);
  }
}

// Its last token is never worth a guess: nothing is drawn behind it.
std::vector<Guess> Schedule::guess(const Sequence& sequence, std::int64_t room) {
  const RolloutRequest& request = requests_[sequence.request];
  const std::int64_t left =
      request.sampling.max_new_tokens - static_cast<std::int64_t>(token_count(sequence)) - 1;
  // A repetition penalty sees the tokens accepted so far, and rarely lets a copy through.
  if (request.sampling.repetition_penalty != 1) {
    return {};
  }
  return drafter_.guess(sequence.request, sequence.index, std::min(room, left));
}

void Schedule::add_stored_draw(StepBatch& batch, std::size_t sequence) const {
  const std::size_t request = active_[sequence].request;
  if (batch.draws.empty() || batch.draws.back().row != DrawRow::kStored ||
      batch.draws.back().request != request) {
    batch.draws.push_back({.request = request, .sequences = {}});
  }
  batch.draws.back().sequences.push_back(sequence);
}

// The token drawn last is fed, then its draft: a row is the last one that it sees. Drafts take free
// pages, and preempt nobody.
void Schedule::add_decode_rows(StepBatch& batch, std::size_t sequence) {
  Sequence& at = active_[sequence];
  const std::int64_t count = turns_[sequence].tokens;
  std::vector<Guess>& draft = turns_[sequence].draft;
  draft.resize(std::min(draft.size(), static_cast<std::size_t>(at.rows.room())));
  std::vector<std::int32_t> fed = {completion(at).ids.back()};
  for (const Guess& guess : draft) {
    fed.push_back(guess.id);
  }
  at.rows.append(static_cast<std::int64_t>(draft.size()));
  const std::int64_t row = add_rows(batch, at.rows, prompt_length(at.request) + count - 1, fed);
  for (std::size_t i = 0; i < fed.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    batch.draws.push_back(
        {row + place, at.request, {sequence}, count + place, i == 0 ? DrawRow::kNothing : fed[i]});
  }
  turns_[sequence].decodes = true;
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
