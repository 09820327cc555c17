#pragma once

#include "core/base/philox.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cogent {

// Plain structs that travel between roles. Wire format: docs/formats/wire.md.

// One entity: its surface text and its label, as a data file or an answer gives them (not
// normalised).
struct Mention {
  std::string text;
  std::string label;
  bool operator==(const Mention&) const = default;
};

// One sentence with its label schema and, where known, gold entities and a chain of thought.
struct Example {
  std::uint32_t row = 0;  // row of the data file, from 0: the Philox prompt id
  std::string dataset;    // name of its data set, empty where unknown
  std::string sentence;
  std::vector<std::string> schema;
  std::vector<Mention> entities;
  std::optional<std::string> cot;
};

// How tokens are drawn. temperature 0 is greedy. The order: repetition penalty, temperature, top-k,
// top-p, min-p.
struct SamplingOptions {
  double temperature = 1;
  float top_p = 1;               // 1: off
  std::int32_t top_k = 0;        // 0: off
  float min_p = 0;               // 0: off
  float repetition_penalty = 1;  // 1: off
  std::int32_t max_new_tokens = 0;
  std::vector<std::int32_t> stop_ids;
  // The completion ends with the first token behind which its text holds one of these.
  std::vector<std::string> stop_texts = {};
  bool truncated_logprobs = false;  // fill Completion::truncated_logprobs
};

// What a worker is asked to draw: `group_size` completions of one prompt.
struct RolloutRequest {
  RandomStream stream = RandomStream::kSampling;
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t round = 0;
  std::uint32_t prompt_id = 0;
  std::uint32_t group_size = 1;
  std::vector<std::int32_t> prompt_ids;
  SamplingOptions sampling;
};

enum class Finish : std::uint8_t { kStop = 0, kLength = 1 };
const char* finish_name(Finish finish);  // "stop" or "length"

// One drawn completion. The end token is in `ids`.
struct Completion {
  std::vector<std::int32_t> ids;
  std::vector<float> logprobs;  // [ids] full softmax at temperature T, before repetition penalty
                                // and truncation; empty where unknown
  std::vector<float> truncated_logprobs = {};  // [ids] of the distribution drawn from; empty unless
                                               // asked for, and never sent or recorded
  std::vector<std::pair<std::string, double>> rewards;  // by reward name, unweighted
  double reward = 0;                                    // weighted sum
  Finish finish = Finish::kStop;
  std::string parse;  // how the answer read (core/ner/answer.hpp), empty where not scored
};

// The completions of one prompt, drawn by one policy version.
struct RolloutGroup {
  std::uint32_t step = 0;
  std::uint32_t round = 0;
  std::uint32_t prompt_id = 0;
  std::uint32_t policy_version = 0;
  std::vector<std::int32_t> prompt_ids;
  std::vector<Completion> completions;
};

// One sequence to train on: prompt_ids, then completion ids. Trained tokens are the completion's.
struct TrainSequence {
  std::vector<std::int32_t> prompt_ids;
  std::vector<std::int32_t> completion_ids;
  std::vector<float> old_logprobs;  // [completion_ids], empty: the learner computes them
  std::uint32_t group = 0;          // index of its group in the step
  double advantage = 0;
  bool truncated = false;
};

// Bytes for a channel and back. Decoding checks every length: an Error of kCommunication names what
// is wrong.
std::vector<std::byte> encode_groups(std::span<const RolloutGroup> groups);
std::vector<RolloutGroup> decode_groups(std::span<const std::byte> bytes);

}  // namespace cogent
