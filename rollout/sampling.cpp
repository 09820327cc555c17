#include "rollout/sampling.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace cogent::rollout {

void check_sampling(const SamplingOptions& options) {
  check(options.temperature == 0 ||
            (options.temperature >= kLowestTemperature && std::isfinite(options.temperature)),
        ErrorCode::kUsage, "the sampling temperature is ", options.temperature,
        ", 0 (greedy) or a finite number from ", kLowestTemperature, " is needed");
  check(options.top_p > 0 && options.top_p <= 1, ErrorCode::kUsage, "top-p is ", options.top_p,
        ", a number above 0 and up to 1 (off) is needed");
  check(options.top_k >= 0, ErrorCode::kUsage, "top-k is ", options.top_k,
        ", a count of tokens from 0 (off) is needed");
  check(options.min_p >= 0 && options.min_p <= 1, ErrorCode::kUsage, "min-p is ", options.min_p,
        ", a number from 0 (off) to 1 is needed");
  check(options.repetition_penalty > 0 && std::isfinite(options.repetition_penalty),
        ErrorCode::kUsage, "the repetition penalty is ", options.repetition_penalty,
        ", a finite number above 0 is needed (1 is off)");
  check(options.max_new_tokens > 0, ErrorCode::kUsage, "the completion's token budget is ",
        options.max_new_tokens, ", at least 1 is needed");
}

DrawAddress draw_address(const RolloutRequest& request, std::uint32_t completion,
                         std::uint32_t position) {
  return {.seed = request.seed,
          .stream = request.stream,
          .position = position,
          .completion = completion,
          .round = request.round,
          .step = request.step,
          .prompt = request.prompt_id};
}

void TokenDistribution::prepare(std::span<const float> logits, const SamplingOptions& options,
                                const SeenTokens& seen) {
  logits_ = logits;
  if (options.repetition_penalty != 1) {
    penalise(options.repetition_penalty, seen);
  }
  greedy_ = options.temperature == 0;
  softmax_weights(logits_, greedy_ ? 1 : static_cast<float>(1 / options.temperature), softmax_);
  check(std::isfinite(softmax_.total) && softmax_.total > 0, ErrorCode::kNumerics,
        "the logits of a row are not finite (the largest is ", softmax_.largest,
        "): the model's weights have diverged or are damaged");
  kept_.clear();
  if (!greedy_) {
    truncate(options);
  }
}

std::int32_t TokenDistribution::draw(double uniform) const {
  if (greedy_) {
    return pick_largest();
  }
  return kept_.empty() ? pick(uniform) : pick_kept(uniform);
}

float TokenDistribution::logprob(std::int32_t id) const {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  if (greedy_) {
    return id == pick_largest() ? 0 : kNever;
  }
  if (kept_.empty()) {
    return static_cast<float>(std::log(weight(id) / softmax_.total));
  }
  const bool kept = std::binary_search(kept_.begin(), kept_.end(), id);
  return kept ? static_cast<float>(std::log(weight(id) / kept_total_)) : kNever;
}

// Reads the logits as they were given, so that a token seen twice is penalised once.
void TokenDistribution::penalise(float penalty, const SeenTokens& seen) {
  penalised_.assign(logits_.begin(), logits_.end());
  for (const std::span<const std::int32_t> ids : {seen.prompt, seen.completion}) {
    for (const std::int32_t id : ids) {
      const auto index = static_cast<std::size_t>(id);
      if (index < logits_.size()) {
        const float logit = logits_[index];
        penalised_[index] = logit > 0 ? logit / penalty : logit * penalty;
      }
    }
  }
  logits_ = penalised_;
}

void TokenDistribution::truncate(const SamplingOptions& options) {
  const auto top_k = static_cast<std::size_t>(options.top_k);
  const auto mass = static_cast<double>(options.top_p);
  const bool by_count = top_k > 0 && top_k < logits_.size();
  const bool by_mass = mass < 1;
  if (!by_count && !by_mass && options.min_p <= 0) {
    return;
  }
  double total = softmax_.total;
  if (by_count) {
    collect(least_weight(static_cast<double>(top_k), Measure::kCount));
    keep_top_k(top_k);
    total = kept_weight();
  } else {
    collect(by_mass ? least_weight(mass * total, Measure::kMass) : options.min_p);
  }
  if (by_mass) {
    keep_top_p(mass * total);
  }
  keep_min_p(options.min_p);
  std::sort(kept_.begin(), kept_.end());
  kept_total_ = kept_weight();
}

// Sorting a whole vocabulary for its few likeliest tokens costs milliseconds a row. Weights are
// counted by their power of two first; tokens below the power where `needed` is reached are left
// out. One power more is kept, so that the rounding of weights decides nothing.
float TokenDistribution::least_weight(double needed, Measure measure) const {
  constexpr std::size_t kPowers = 128;  // of two, for weights from 0 to 1
  constexpr int kFractionBits = 23;
  std::array<double, kPowers> sums{};
  for (const float weight : softmax_.weights) {
    sums[std::bit_cast<std::uint32_t>(weight) >> kFractionBits] +=
        measure == Measure::kCount ? 1 : static_cast<double>(weight);
  }
  std::uint32_t lowest = kPowers;
  for (double reached = 0; lowest > 0 && reached < needed;) {
    reached += sums[--lowest];
  }
  lowest = lowest > 0 ? lowest - 1 : 0;
  return std::bit_cast<float>(lowest << kFractionBits);
}

void TokenDistribution::collect(float least) {
  for (std::size_t i = 0; i < softmax_.weights.size(); ++i) {
    if (softmax_.weights[i] >= least) {
      kept_.push_back(static_cast<std::int32_t>(i));
    }
  }
}

void TokenDistribution::keep_top_k(std::size_t count) {
  const auto likelier = [this](std::int32_t a, std::int32_t b) { return is_likelier(a, b); };
  std::nth_element(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count), kept_.end(),
                   likelier);
  kept_.resize(count);
}

// Sorts the likeliest tokens in growing portions: the mass is mostly reached within the first.
void TokenDistribution::keep_top_p(double needed) {
  const auto likelier = [this](std::int32_t a, std::int32_t b) { return is_likelier(a, b); };
  const auto at = [this](std::size_t index) {
    return kept_.begin() + static_cast<std::ptrdiff_t>(index);
  };
  double reached = 0;
  std::size_t portion = 64;
  for (std::size_t begin = 0; begin < kept_.size(); portion *= 4) {
    const std::size_t end = std::min(begin + portion, kept_.size());
    if (end < kept_.size()) {
      std::nth_element(at(begin), at(end), kept_.end(), likelier);
    }
    std::sort(at(begin), at(end), likelier);
    for (; begin < end; ++begin) {
      reached += weight(kept_[begin]);
      if (reached >= needed) {
        kept_.resize(begin + 1);
        return;
      }
    }
  }
}

// The largest weight is 1.
void TokenDistribution::keep_min_p(float share) {
  std::erase_if(kept_, [&](std::int32_t id) { return weight(id) < static_cast<double>(share); });
}

bool TokenDistribution::is_likelier(std::int32_t a, std::int32_t b) const {
  const float x = logits_[static_cast<std::size_t>(a)];
  const float y = logits_[static_cast<std::size_t>(b)];
  return x > y || (x == y && a < b);
}

double TokenDistribution::weight(std::int32_t id) const {
  return static_cast<double>(softmax_.weights[static_cast<std::size_t>(id)]);
}

std::int32_t TokenDistribution::pick_largest() const {
  return static_cast<std::int32_t>(std::find(logits_.begin(), logits_.end(), softmax_.largest) -
                                   logits_.begin());
}

double TokenDistribution::kept_weight() const {
  double sum = 0;
  for (const std::int32_t id : kept_) {
    sum += weight(id);
  }
  return sum;
}

// The block first, then the token: the cumulative sum at a block's border is that of block sums.
std::int32_t TokenDistribution::pick(double uniform) const {
  const double target = uniform * softmax_.total;
  double before = 0;
  std::size_t block = 0;
  for (; block + 1 < softmax_.block_sums.size(); ++block) {
    if (before + softmax_.block_sums[block] > target) {
      break;
    }
    before += softmax_.block_sums[block];
  }
  const std::size_t begin = block * kWeightBlock;
  const std::size_t end = std::min(begin + kWeightBlock, logits_.size());
  std::int32_t last = 0;  // the last possible token: where rounding leaves the target behind it
  for (std::size_t i = begin; i < end; ++i) {
    const auto id = static_cast<std::int32_t>(i);
    if (weight(id) > 0) {
      last = id;
      before += weight(id);
    }
    if (before > target) {
      break;
    }
  }
  return last;
}

std::int32_t TokenDistribution::pick_kept(double uniform) const {
  const double target = uniform * kept_total_;
  double before = 0;
  std::int32_t last = kept_.front();
  for (const std::int32_t id : kept_) {
    if (weight(id) > 0) {
      last = id;
      before += weight(id);
    }
    if (before > target) {
      break;
    }
  }
  return last;
}

}  // namespace cogent::rollout
