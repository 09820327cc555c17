#include "core/data/order.hpp"

#include "core/base/error.hpp"
#include "core/base/philox.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace cogent::data {
namespace {

std::vector<std::uint32_t> shuffled(std::uint32_t count, std::uint64_t seed, std::uint32_t epoch) {
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0U);
  shuffle_rows(rows.data(), count, seed, RandomStream::kDataOrder, epoch);
  return rows;
}

}  // namespace

std::vector<std::uint32_t> sft_epoch_order(std::uint32_t count, std::uint64_t seed,
                                           std::uint32_t epoch) {
  return shuffled(count, seed, epoch);
}

std::uint32_t grpo_steps_per_epoch(std::uint32_t count, std::uint32_t prompts_per_step) {
  check(prompts_per_step > 0, ErrorCode::kUsage, "a step needs at least one prompt, it has 0");
  check(count >= prompts_per_step, ErrorCode::kUsage, "the training data has ", count,
        " prompts, a step needs ", prompts_per_step,
        ": lower rollout.prompts_per_step or add data");
  return count / prompts_per_step;
}

std::vector<std::uint32_t> grpo_step_rows(std::uint32_t count, std::uint32_t prompts_per_step,
                                          std::uint64_t seed, std::uint32_t step) {
  const std::uint32_t steps = grpo_steps_per_epoch(count, prompts_per_step);
  const auto rows = shuffled(count, seed, step / steps);
  const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(step % steps) * prompts_per_step;
  return {begin, begin + prompts_per_step};
}

std::vector<std::uint32_t> grpo_round_rows(std::uint32_t count, std::uint32_t prompts_per_step,
                                           std::uint32_t refill, std::uint64_t seed,
                                           std::uint32_t step, std::uint32_t round) {
  const auto first_round = grpo_step_rows(count, prompts_per_step, seed, step);
  if (round == 0) {
    return first_round;
  }
  std::vector<bool> taken(count, false);
  for (const std::uint32_t row : first_round) {
    taken[row] = true;
  }
  std::vector<std::uint32_t> others;
  others.reserve(count - prompts_per_step);
  for (std::uint32_t row = 0; row < count; ++row) {
    if (!taken[row]) {
      others.push_back(row);
    }
  }
  shuffle_rows(others.data(), static_cast<std::uint32_t>(others.size()), seed,
               RandomStream::kRefill, step);
  const auto limit = std::uint64_t{others.size()};
  const std::uint64_t begin = std::min(limit, std::uint64_t{round - 1} * refill);
  const std::uint64_t end = std::min(limit, begin + refill);
  return {others.begin() + static_cast<std::ptrdiff_t>(begin),
          others.begin() + static_cast<std::ptrdiff_t>(end)};
}

std::vector<std::vector<std::uint32_t>> stratified_rows(std::span<const std::uint32_t> sizes,
                                                        std::uint32_t total, std::uint64_t seed,
                                                        std::uint32_t cap) {
  std::uint64_t weights = 0;
  for (const std::uint32_t size : sizes) {
    weights += std::min(size, cap);
  }
  std::vector<std::vector<std::uint32_t>> chosen;
  for (std::uint32_t i = 0; i < sizes.size(); ++i) {
    const std::uint64_t share =
        weights == 0 ? 0 : std::uint64_t{total} * std::min(sizes[i], cap) / weights;
    // Epochs count from 0; the mixture's shuffles count from the other end.
    auto rows = shuffled(sizes[i], seed, std::numeric_limits<std::uint32_t>::max() - i);
    rows.resize(std::min<std::uint64_t>(share, rows.size()));
    std::sort(rows.begin(), rows.end());
    chosen.push_back(std::move(rows));
  }
  return chosen;
}

}  // namespace cogent::data
