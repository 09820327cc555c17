#include "trainer/packing.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <numeric>

namespace cogent::trainer {
namespace {

void append_rows(PackedBatch& batch, std::span<const std::int32_t> ids,
                 std::int64_t first_position) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    batch.ids.push_back(ids[i]);
    batch.positions.push_back(
        static_cast<std::int32_t>(first_position + static_cast<std::int64_t>(i)));
  }
}

PackedSpan append_prompt(PackedBatch& batch, const TrainSequence& sequence) {
  const PackedSpan prompt{batch.rows(),
                          batch.rows() + static_cast<std::int64_t>(sequence.prompt_ids.size())};
  append_rows(batch, sequence.prompt_ids, 0);
  batch.segments.push_back({prompt, {prompt}});
  return prompt;
}

void append_completion(PackedBatch& batch, const TrainSequence& sequence, std::size_t index,
                       PackedSpan prompt) {
  const auto length = static_cast<std::int64_t>(sequence.completion_ids.size());
  const PackedSpan own{batch.rows(), batch.rows() + length - 1};
  append_rows(batch, std::span(sequence.completion_ids).first(static_cast<std::size_t>(length - 1)),
              prompt.end - prompt.begin);
  if (own.begin != own.end) {
    batch.segments.push_back({own, {prompt, own}});
  }
  batch.sequences.push_back({index, static_cast<std::int64_t>(batch.targets.size()), length});
  for (std::int64_t t = 0; t < length; ++t) {
    batch.trained_rows.push_back(t == 0 ? prompt.end - 1 : own.begin + t - 1);
    batch.targets.push_back(sequence.completion_ids[static_cast<std::size_t>(t)]);
  }
}

std::int64_t own_rows(const TrainSequence& sequence) {
  return static_cast<std::int64_t>(sequence.completion_ids.size()) - 1;
}
std::int64_t prompt_rows(const TrainSequence& sequence) {
  return static_cast<std::int64_t>(sequence.prompt_ids.size());
}

bool shares_prompt(const TrainSequence& a, const TrainSequence& b) {
  return a.group == b.group && a.prompt_ids == b.prompt_ids;
}

}  // namespace

PackedBatch pack(std::span<const TrainSequence> all, std::span<const std::size_t> chosen) {
  PackedBatch batch;
  PackedSpan prompt;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const TrainSequence& sequence = all[chosen[i]];
    check(!sequence.prompt_ids.empty() && !sequence.completion_ids.empty(), ErrorCode::kData,
          "sequence ", chosen[i], " has ", sequence.prompt_ids.size(), " prompt and ",
          sequence.completion_ids.size(), " completion tokens: both need at least one");
    if (i == 0 || !shares_prompt(all[chosen[i - 1]], sequence)) {
      prompt = append_prompt(batch, sequence);
    }
    append_completion(batch, sequence, chosen[i], prompt);
  }
  return batch;
}

std::vector<std::vector<std::size_t>> cut_micro_batches(std::span<const TrainSequence> all,
                                                        std::span<const std::size_t> chosen,
                                                        std::int64_t budget) {
  std::vector<std::vector<std::size_t>> batches;
  std::int64_t rows = 0;
  for (std::size_t begin = 0; begin < chosen.size();) {
    std::size_t end = begin + 1;
    std::int64_t group_rows = prompt_rows(all[chosen[begin]]) + own_rows(all[chosen[begin]]);
    while (end < chosen.size() && shares_prompt(all[chosen[begin]], all[chosen[end]])) {
      group_rows += own_rows(all[chosen[end]]);
      ++end;
    }
    if (batches.empty() || rows + group_rows > budget) {
      batches.emplace_back();
      rows = 0;
    }
    for (std::size_t i = begin; i < end; ++i) {
      const std::int64_t needed =
          own_rows(all[chosen[i]]) +
          (i == begin || batches.back().empty() ? prompt_rows(all[chosen[i]]) : 0);
      if (rows + needed > budget && !batches.back().empty()) {
        batches.emplace_back();  // A group larger than the budget: its next completions repeat the
                                 // prompt.
        rows = prompt_rows(all[chosen[i]]) + own_rows(all[chosen[i]]);
      } else {
        rows += needed;
      }
      batches.back().push_back(chosen[i]);
    }
    begin = end;
  }
  return batches;
}

std::vector<std::vector<std::size_t>> deal_micro_batches(std::span<const std::int64_t> costs,
                                                         int learners) {
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
  std::vector<std::vector<std::size_t>> deal(static_cast<std::size_t>(learners));
  std::vector<std::int64_t> load(deal.size(), 0);
  for (const std::size_t batch : order) {
    const auto least =
        static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
    deal[least].push_back(batch);
    load[least] += costs[batch];
  }
  for (auto& batches : deal) {
    std::sort(batches.begin(), batches.end());
  }
  return deal;
}

bool keep_last(TrainSequence& sequence, std::int64_t max_length) {
  const auto total =
      static_cast<std::int64_t>(sequence.prompt_ids.size() + sequence.completion_ids.size());
  std::int64_t excess = std::max<std::int64_t>(0, total - max_length);
  const std::int64_t from_prompt =
      std::min(excess, static_cast<std::int64_t>(sequence.prompt_ids.size()));
  sequence.prompt_ids.erase(sequence.prompt_ids.begin(), sequence.prompt_ids.begin() + from_prompt);
  excess -= from_prompt;
  sequence.completion_ids.erase(sequence.completion_ids.begin(),
                                sequence.completion_ids.begin() + excess);
  if (sequence.prompt_ids.empty() && !sequence.completion_ids.empty()) {
    sequence.prompt_ids.push_back(sequence.completion_ids.front());
    sequence.completion_ids.erase(sequence.completion_ids.begin());
  }
  return !sequence.completion_ids.empty();
}

}  // namespace cogent::trainer
