#include "rollout/draft_rows.hpp"

#include <algorithm>
#include <iterator>

namespace cogent::rollout {
namespace {

struct Measured {
  std::int64_t rows;
  double milliseconds;
};

constexpr Measured kMeasured[] = {{1, 23.8},  {4, 24.2},  {6, 28.6},  {8, 32.4}, {12, 38.9},
                                  {16, 46.3}, {24, 55.8}, {32, 74.7}, {48, 106}};

}  // namespace

// Between two measured points, and behind the last two, on the line through them.
double decode_milliseconds(std::int64_t rows) {
  const auto* after = std::lower_bound(
      std::next(std::begin(kMeasured)), std::prev(std::end(kMeasured)), rows,
      [](const Measured& point, std::int64_t wanted) { return point.rows < wanted; });
  const Measured& a = *std::prev(after);
  const Measured& b = *after;
  return a.milliseconds + (b.milliseconds - a.milliseconds) * static_cast<double>(rows - a.rows) /
                              static_cast<double>(b.rows - a.rows);
}

std::vector<std::size_t> share_draft_rows(std::span<const std::vector<Guess>> guesses,
                                          std::int64_t most_rows) {
  struct Candidate {
    double chance;
    std::size_t sequence;
  };
  std::vector<Candidate> candidates;
  for (std::size_t sequence = 0; sequence < guesses.size(); ++sequence) {
    for (const Guess& guess : guesses[sequence]) {
      candidates.push_back({guess.chance, sequence});
    }
  }
  // A guess is never likelier than the one before it: their order within a sequence stays.
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.chance > b.chance; });
  const auto sequences = static_cast<std::int64_t>(guesses.size());
  const auto room = static_cast<std::size_t>(std::max<std::int64_t>(0, most_rows - sequences));
  candidates.resize(std::min(candidates.size(), room));
  auto tokens = static_cast<double>(sequences);
  double best_rate = tokens / decode_milliseconds(std::max<std::int64_t>(1, sequences));
  std::size_t best = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    tokens += candidates[i].chance;
    const double rate = tokens / decode_milliseconds(sequences + static_cast<std::int64_t>(i) + 1);
    if (rate > best_rate) {
      best_rate = rate;
      best = i + 1;
    }
  }
  std::vector<std::size_t> counts(guesses.size(), 0);
  for (std::size_t i = 0; i < best; ++i) {
    ++counts[candidates[i].sequence];
  }
  return counts;
}

}  // namespace cogent::rollout
