#pragma once

#include "rollout/schedule.hpp"

#include <cstdint>
#include <vector>

namespace cogent::rollout::testing {

// What stands in for the model: the next token is a function of all tokens before it and of whose
// completion it is. A repetitive speaker, so that some drafts are right.
constexpr std::int32_t kVocabulary = 5;
constexpr std::int32_t kEnd = 0;

std::uint64_t begin_text();
std::uint64_t append_token(std::uint64_t text, std::int32_t id);
std::int32_t next_token(float logit, std::size_t request, std::uint32_t index);
float logit_behind(std::uint64_t text);

// A KV cache that remembers which text each row stands behind, and finds out whether each row of a
// batch sees the rows of its own text and nothing else.
class TextCache {
 public:
  explicit TextCache(std::int64_t pages) : rows_(static_cast<std::size_t>(pages * kPageRows)) {}
  // The text behind each row of the batch [rows]. Fails the test where a row sees another text.
  std::vector<std::uint64_t> forward(const StepBatch& batch);

 private:
  struct Row {
    std::uint64_t text = 0;
    std::int32_t id = -1;
  };
  std::vector<Row> rows_;
};

// The completions that plain decoding gives, one at a time.
std::vector<RolloutGroup> plain_completions(const std::vector<RolloutRequest>& requests);

// A completion that left the sequences in progress without being finished.
struct Preempted {
  std::size_t request = 0;
  std::uint32_t index = 0;
  bool admitted_last = false;  // of all in progress, but for those that left in the same step
};

struct Course {
  std::vector<RolloutGroup> groups;
  std::int64_t steps = 0;
  std::int64_t preemptions = 0;
  std::int64_t accepted = 0;
  std::int64_t prefill_rows = 0;
  std::int64_t mixed_steps = 0;             // that both prefill and decode
  std::int64_t most_prefill = 0;            // rows of a step
  std::int64_t most_sequences = 0;          // in progress
  std::vector<Preempted> preempted;         // one a preemption
  std::vector<std::size_t> first_admitted;  // requests, in the order in which they got in
};
// Runs a schedule over the stand-ins to its end, and checks that no page is left behind.
Course run_schedule(const std::vector<RolloutRequest>& requests, ScheduleLimits limits,
                    std::int64_t pages);

// Pages with which no sequence ever waits or is preempted.
std::int64_t ample_pages(const std::vector<RolloutRequest>& requests);
// Pages of the largest completion: fewer hold not even that one.
std::int64_t least_pages(const std::vector<RolloutRequest>& requests);

}  // namespace cogent::rollout::testing
