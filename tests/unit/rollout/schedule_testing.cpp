#include "tests/unit/rollout/schedule_testing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace cogent::rollout::testing {
namespace {

constexpr std::int64_t kMostSteps = 200'000;  // a schedule that takes more makes no progress

std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// Rows that a segment's keys are, in order.
std::vector<std::size_t> key_rows(const model::AttentionSegment& segment) {
  std::vector<std::size_t> rows;
  for (const model::RowSpan& span : segment.keys) {
    for (std::int64_t row = span.begin; row < span.end; ++row) {
      rows.push_back(static_cast<std::size_t>(row));
    }
  }
  return rows;
}

bool is_end(const RolloutRequest& request, std::int32_t id) {
  const std::vector<std::int32_t>& ends = request.sampling.stop_ids;
  return std::find(ends.begin(), ends.end(), id) != ends.end();
}

void draw_all(const std::vector<RolloutRequest>& requests, const StepBatch& batch,
              const std::vector<std::uint64_t>& texts, Schedule& schedule) {
  for (const DrawRow& row : batch.draws) {
    ASSERT_FALSE(row.sequences.empty());
    std::vector<float> logits;
    if (row.row == DrawRow::kStored) {
      logits.assign(schedule.stored_logits(row.request).begin(),
                    schedule.stored_logits(row.request).end());
      ASSERT_EQ(logits.size(), 1U) << "no logits are stored for request " << row.request;
    } else {
      logits = {logit_behind(texts[static_cast<std::size_t>(row.row)])};
      if (schedule.wants_logits(row.request) && row.position == 0) {
        schedule.store_logits(row.request, logits);
      }
    }
    for (const std::size_t s : row.sequences) {
      const Sequence& sequence = schedule.active()[s];
      ASSERT_EQ(sequence.request, row.request);
      schedule.accept(row, sequence,
                      {next_token(logits.front(), sequence.request, sequence.index), -1, 0});
    }
  }
  ASSERT_LE(batch.draws.size(), batch.ids.size() + requests.size());
}

// The completions in progress, in the order in which they were seen to get in.
class InProgress {
 public:
  // Takes in those of a step, and returns those that it left out.
  std::vector<Preempted> begin_step(const std::vector<Sequence>& active) {
    std::vector<Preempted> preempted;
    std::vector<Name> stayed;
    for (const Name& name : names_) {
      if (!contains(active, name)) {
        preempted.push_back({name.first, name.second, true});
        continue;
      }
      stayed.push_back(name);
      for (Preempted& earlier : preempted) {
        earlier.admitted_last = false;
      }
    }
    for (const Sequence& sequence : active) {
      const Name name(sequence.request, sequence.index);
      if (std::ranges::find(stayed, name) == stayed.end()) {
        stayed.push_back(name);
      }
    }
    names_ = std::move(stayed);
    return preempted;
  }
  // Forgets those that the step finished.
  void end_step(const std::vector<Sequence>& active) {
    std::erase_if(names_, [&](const Name& name) { return !contains(active, name); });
  }

 private:
  using Name = std::pair<std::size_t, std::uint32_t>;  // request, index in its group
  static bool contains(const std::vector<Sequence>& active, const Name& name) {
    return std::ranges::any_of(active,
                               [&](const Sequence& s) { return Name(s.request, s.index) == name; });
  }
  std::vector<Name> names_;
};

}  // namespace

std::uint64_t begin_text() {
  return 1;
}

std::uint64_t append_token(std::uint64_t text, std::int32_t id) {
  return mix(text ^ (static_cast<std::uint64_t>(id) << 32));
}

float logit_behind(std::uint64_t text) {
  return static_cast<float>(text >> 40);  // 24 bits, which a float holds
}

// One token in sixteen is the end; half of the others are 1.
std::int32_t next_token(float logit, std::size_t request, std::uint32_t index) {
  const std::uint64_t random =
      mix(static_cast<std::uint64_t>(logit) ^ (request << 32) ^ (std::uint64_t{index} << 48));
  if (random % 16 == 0) {
    return kEnd;
  }
  const std::uint64_t other = 1 + (random >> 8) % (kVocabulary - 1);
  return random % 2 == 0 ? 1 : static_cast<std::int32_t>(other);
}

std::vector<std::uint64_t> TextCache::forward(const StepBatch& batch) {
  std::vector<std::uint64_t> texts(batch.ids.size());
  for (const model::AttentionSegment& segment : batch.segments) {
    const std::vector<std::size_t> keys = key_rows(segment);
    const auto queries = static_cast<std::size_t>(segment.query_end - segment.query_begin);
    for (std::size_t i = 0; i < queries; ++i) {
      const std::size_t row = static_cast<std::size_t>(segment.query_begin) + i;
      const std::size_t position = keys.size() - queries + i;
      EXPECT_EQ(static_cast<std::size_t>(batch.positions[row]), position);
      EXPECT_EQ(static_cast<std::size_t>(batch.cache_rows[row]), keys[position]);
      const std::uint64_t before = position == 0 ? begin_text() : rows_[keys[position - 1]].text;
      texts[row] = append_token(before, batch.ids[row]);
      rows_[keys[position]] = {texts[row], batch.ids[row]};
    }
    std::uint64_t text = begin_text();
    for (const std::size_t key : keys) {
      text = append_token(text, rows_[key].id);
      if (rows_[key].text != text) {
        ADD_FAILURE() << "cache row " << key << " belongs to another text";
        break;
      }
    }
  }
  return texts;
}

std::vector<RolloutGroup> plain_completions(const std::vector<RolloutRequest>& requests) {
  std::vector<RolloutGroup> groups;
  for (std::size_t r = 0; r < requests.size(); ++r) {
    RolloutGroup& group = groups.emplace_back();
    for (std::uint32_t index = 0; index < requests[r].group_size; ++index) {
      Completion& completion = group.completions.emplace_back();
      completion.finish = Finish::kLength;
      std::uint64_t text = begin_text();
      for (const std::int32_t id : requests[r].prompt_ids) {
        text = append_token(text, id);
      }
      const auto most = static_cast<std::size_t>(requests[r].sampling.max_new_tokens);
      while (completion.ids.size() < most && completion.finish == Finish::kLength) {
        completion.ids.push_back(next_token(logit_behind(text), r, index));
        text = append_token(text, completion.ids.back());
        completion.finish =
            is_end(requests[r], completion.ids.back()) ? Finish::kStop : Finish::kLength;
      }
    }
  }
  return groups;
}

Course run_schedule(const std::vector<RolloutRequest>& requests, ScheduleLimits limits,
                    std::int64_t pages) {
  Course course;
  for (const RolloutRequest& request : requests) {
    course.groups.emplace_back().completions.resize(request.group_size);
  }
  PagePool pool(pages);
  TextCache cache(pages);
  InProgress in_progress;
  Schedule schedule(requests, course.groups, limits, pool);
  for (; !schedule.done() && !::testing::Test::HasFatalFailure(); ++course.steps) {
    if (course.steps == kMostSteps) {
      ADD_FAILURE() << "no end after " << kMostSteps << " steps";
      return course;
    }
    const std::int64_t prefilled = schedule.prefill_rows();
    const StepBatch batch = schedule.next();
    const std::vector<Preempted> preempted = in_progress.begin_step(schedule.active());
    course.preempted.insert(course.preempted.end(), preempted.begin(), preempted.end());
    draw_all(requests, batch, cache.forward(batch), schedule);
    const std::int64_t prefill = schedule.prefill_rows() - prefilled;
    course.most_prefill = std::max(course.most_prefill, prefill);
    course.mixed_steps +=
        prefill > 0 && prefill < static_cast<std::int64_t>(batch.ids.size()) ? 1 : 0;
    course.most_sequences =
        std::max(course.most_sequences, static_cast<std::int64_t>(schedule.active().size()));
    for (const Sequence& sequence : schedule.active()) {
      auto& order = course.first_admitted;
      if (std::find(order.begin(), order.end(), sequence.request) == order.end()) {
        order.push_back(sequence.request);
      }
    }
    schedule.finish_step();
    in_progress.end_step(schedule.active());
  }
  EXPECT_EQ(pool.free_pages(), pages) << "pages were left behind";
  course.preemptions = schedule.preemptions();
  course.accepted = schedule.accepted();
  course.prefill_rows = schedule.prefill_rows();
  return course;
}

std::int64_t ample_pages(const std::vector<RolloutRequest>& requests) {
  std::int64_t pages = 0;
  for (const RolloutRequest& request : requests) {
    pages += pages_of_completion(request, kPageRows) * request.group_size;
  }
  return pages;
}

std::int64_t least_pages(const std::vector<RolloutRequest>& requests) {
  std::int64_t pages = 0;
  for (const RolloutRequest& request : requests) {
    pages = std::max(pages, pages_of_completion(request, kPageRows));
  }
  return pages;
}

}  // namespace cogent::rollout::testing
