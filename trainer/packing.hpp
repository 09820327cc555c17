#pragma once

#include "core/records/records.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::trainer {

// A run of key rows, and query rows with the key rows that they see: what an attention segment of
// the op table is made of, without torch.
struct PackedSpan {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
struct PackedSegment {
  PackedSpan queries;
  std::vector<PackedSpan> keys;
};

// Where the trained tokens of one sequence stand in a packed batch's `targets`.
struct PackedSequence {
  std::size_t sequence = 0;  // index in the step's list
  std::int64_t first = 0;    // in targets
  std::int64_t count = 0;    // its completion's length
};

// Token rows of several sequences without padding and without attention across them. Completions
// that share a prompt share its rows. The last token of a completion is a target only: it has no
// row.
struct PackedBatch {
  std::vector<std::int32_t> ids, positions;  // [rows]
  std::vector<PackedSegment> segments;
  std::vector<std::int64_t> trained_rows;  // [trained tokens] the row whose output predicts the
                                           // target; prompt ends repeat
  std::vector<std::int32_t> targets;       // [trained tokens]
  std::vector<PackedSequence> sequences;
  std::int64_t rows() const { return static_cast<std::int64_t>(ids.size()); }
};

// Packs sequences (indices into `all`) in order; neighbours of one group share their prompt rows.
PackedBatch pack(std::span<const TrainSequence> all, std::span<const std::size_t> chosen);

// The canonical cut: sequences in order into micro-batches of at most `budget` rows, whole groups
// where they fit, at least one sequence each. Depends on lengths and budget alone: part of the
// arithmetic. `chosen` are indices into `all`.
std::vector<std::vector<std::size_t>> cut_micro_batches(std::span<const TrainSequence> all,
                                                        std::span<const std::size_t> chosen,
                                                        std::int64_t budget);

// The deal: for each learner the micro-batches that it runs, ascending; longest first to the least
// loaded. costs[b]: rows of micro-batch b.
std::vector<std::vector<std::size_t>> deal_micro_batches(std::span<const std::int64_t> costs,
                                                         int learners);

// Keeps the last max_length tokens of prompt + completion. A sequence whose prompt is cut away
// whole loses its first completion token to the context, since nothing predicts it. False: no
// trained token is left.
bool keep_last(TrainSequence& sequence, std::int64_t max_length);

}  // namespace cogent::trainer
