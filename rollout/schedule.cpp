#include "rollout/schedule.hpp"

#include "core/base/error.hpp"

#include <algorithm>

namespace cogent::rollout {
namespace {

constexpr std::size_t kOthers = 16;  // completions of the group that a draft may copy from

}  // namespace

Schedule::Schedule(std::span<const RolloutRequest> requests, std::span<RolloutGroup> groups,
                   ScheduleLimits limits, RowAllocator& rows)
    : requests_(requests),
      groups_(groups),
      limits_(limits),
      rows_(rows),
      prompts_(requests.size()) {}

StepBatch Schedule::next() {
  while (admit_one()) {
  }
  check(!active_.empty(), ErrorCode::kUnexpected, "prompt ", requests_[next_request_].prompt_id,
        " needs more KV cache rows than the ", rows_.free_rows(), " of ", rows_.capacity(),
        " that are free with no sequence in progress");
  StepBatch batch;
  step_drafted_.assign(active_.size(), 0);
  step_counts_.clear();
  for (std::size_t i = 0; i < active_.size(); ++i) {
    step_counts_.push_back(static_cast<std::int64_t>(token_count(active_[i])));
    if (token_count(active_[i]) > 0) {
      add_decode_rows(batch, i);
    } else if (is_computed(active_[i].request)) {
      add_stored_draw(batch, i);
    }
  }
  add_prompt_rows(batch);
  return batch;
}

bool Schedule::admit_one() {
  while (next_request_ < requests_.size() && requests_[next_request_].group_size == next_index_) {
    ++next_request_;
    next_index_ = 0;
  }
  if (next_request_ == requests_.size() ||
      static_cast<std::int64_t>(active_.size()) >= limits_.max_sequences) {
    return false;
  }
  const RolloutRequest& request = requests_[next_request_];
  PromptState& prompt = prompts_[next_request_];
  if (next_index_ == 0) {
    const auto rows = rows_.allocate(static_cast<std::int64_t>(request.prompt_ids.size()));
    if (!rows) {
      return false;
    }
    prompt.begin_row = *rows;
  }
  const auto own_rows = rows_.allocate(request.sampling.max_new_tokens);
  if (!own_rows) {
    if (next_index_ == 0) {
      rows_.release(prompt.begin_row);
    }
    return false;
  }
  if (next_index_ == 0) {
    to_compute_.push_back(next_request_);
  }
  active_.push_back({next_request_, next_index_, *own_rows, {}});
  ++next_index_;
  return true;
}

// The token drawn last is fed, then its draft: a row is the last one that it sees.
void Schedule::add_decode_rows(StepBatch& batch, std::size_t sequence) {
  const Sequence& at = active_[sequence];
  const auto count = static_cast<std::int64_t>(token_count(at));
  const std::int64_t begin = prompts_[at.request].begin_row;
  const auto prompt_rows = static_cast<std::int64_t>(requests_[at.request].prompt_ids.size());
  const auto row = static_cast<std::int64_t>(batch.ids.size());
  // Rows of prompts fill the step already.
  const std::int64_t room =
      to_compute_.empty() ? limits_.draft_rows / static_cast<std::int64_t>(active_.size()) - 1 : 0;
  std::vector<std::int32_t> fed = draft(at, room);
  const auto drafted = static_cast<std::int64_t>(fed.size());
  step_drafted_[sequence] = drafted;
  fed.insert(fed.begin(), completion(at).ids.back());
  for (std::int64_t i = 0; i <= drafted; ++i) {
    batch.ids.push_back(fed[static_cast<std::size_t>(i)]);
    batch.positions.push_back(static_cast<std::int32_t>(prompt_rows + count - 1 + i));
    batch.cache_rows.push_back(at.begin_row + count - 1 + i);
    batch.draws.push_back({row + i,
                           at.request,
                           {sequence},
                           count + i,
                           i == 0 ? DrawRow::kNothing : fed[static_cast<std::size_t>(i)]});
  }
  batch.segments.push_back(
      {row,
       row + 1 + drafted,
       {{begin, begin + prompt_rows}, {at.begin_row, at.begin_row + count + drafted}}});
}

std::vector<std::int32_t> Schedule::draft(const Sequence& sequence, std::int64_t room) const {
  const RolloutRequest& request = requests_[sequence.request];
  const std::vector<std::int32_t>& ids = completion(sequence).ids;
  const std::int64_t left =
      request.sampling.max_new_tokens - static_cast<std::int64_t>(ids.size()) - 1;
  const std::int64_t length = std::min({room, left, sequence.draft_length.tokens()});
  // A repetition penalty sees the tokens accepted so far, and rarely lets a copy through.
  if (length <= 0 || request.sampling.repetition_penalty != 1) {
    return {};
  }
  std::vector<std::span<const std::int32_t>> others;
  const std::vector<Completion>& group = groups_[sequence.request].completions;
  // The latest are enough to copy from: a search of all would grow with the group.
  for (std::size_t i = sequence.index; i-- > 0 && others.size() < kOthers;) {
    others.emplace_back(group[i].ids);
  }
  for (std::size_t i = sequence.index + 1; i < group.size() && others.size() < kOthers; ++i) {
    others.emplace_back(group[i].ids);
  }
  return draft_tokens(request.prompt_ids, ids, others, static_cast<std::size_t>(length));
}

void Schedule::add_stored_draw(StepBatch& batch, std::size_t sequence) const {
  const std::size_t request = active_[sequence].request;
  if (batch.draws.empty() || batch.draws.back().row != DrawRow::kStored ||
      batch.draws.back().request != request) {
    batch.draws.push_back({.request = request, .sequences = {}});
  }
  batch.draws.back().sequences.push_back(sequence);
}

void Schedule::add_prompt_rows(StepBatch& batch) {
  std::int64_t room = limits_.max_prompt_rows;
  while (!to_compute_.empty() && room > 0) {
    const std::size_t request = to_compute_.front();
    const std::vector<std::int32_t>& ids = requests_[request].prompt_ids;
    PromptState& prompt = prompts_[request];
    const auto length = static_cast<std::int64_t>(ids.size());
    const std::int64_t end = std::min(length, prompt.computed + room);
    room -= end - prompt.computed;
    const auto first = static_cast<std::int64_t>(batch.ids.size());
    for (std::int64_t i = prompt.computed; i < end; ++i) {
      batch.ids.push_back(ids[static_cast<std::size_t>(i)]);
      batch.positions.push_back(static_cast<std::int32_t>(i));
      batch.cache_rows.push_back(prompt.begin_row + i);
    }
    const auto last = static_cast<std::int64_t>(batch.ids.size());
    batch.segments.push_back({first, last, {{prompt.begin_row, prompt.begin_row + end}}});
    prompt.computed = end;
    if (end < length) {
      return;
    }
    to_compute_.pop_front();
    DrawRow draw{.row = last - 1, .request = request, .sequences = {}};
    for (std::size_t i = 0; i < active_.size(); ++i) {
      if (active_[i].request == request) {
        draw.sequences.push_back(i);
      }
    }
    batch.draws.push_back(std::move(draw));
  }
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

bool Schedule::is_computed(std::size_t request) const {
  return prompts_[request].computed ==
         static_cast<std::int64_t>(requests_[request].prompt_ids.size());
}

bool Schedule::wants_logits(std::size_t request) const {
  return request == next_request_ && next_index_ > 0 &&
         next_index_ < requests_[request].group_size && prompts_[request].stored_logits.empty();
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
  const std::vector<std::int32_t>& stops = requests_[sequence.request].sampling.stop_ids;
  const bool stopped = std::find(stops.begin(), stops.end(), draw.id) != stops.end();
  result.finish = stopped ? Finish::kStop : Finish::kLength;
}

bool Schedule::is_finished(const Sequence& sequence) const {
  const Completion& result = completion(sequence);
  return !result.ids.empty() && (result.finish == Finish::kStop ||
                                 static_cast<std::int64_t>(result.ids.size()) >=
                                     requests_[sequence.request].sampling.max_new_tokens);
}

void Schedule::finish_step() {
  for (std::size_t i = 0; i < active_.size(); ++i) {
    if (step_drafted_[i] > 0) {
      const std::int64_t accepted =
          static_cast<std::int64_t>(token_count(active_[i])) - step_counts_[i] - 1;
      active_[i].draft_length.record(step_drafted_[i], accepted);
      drafted_ += step_drafted_[i];
    }
  }
  std::erase_if(active_, [&](const Sequence& sequence) {
    if (!is_finished(sequence)) {
      return false;
    }
    rows_.release(sequence.begin_row);
    PromptState& prompt = prompts_[sequence.request];
    if (++prompt.finished == requests_[sequence.request].group_size) {
      rows_.release(prompt.begin_row);
      prompt.stored_logits = {};
    }
    ++finished_;
    return true;
  });
}

}  // namespace cogent::rollout
