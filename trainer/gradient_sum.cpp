#include "trainer/gradient_sum.hpp"

#include "core/base/error.hpp"
#include "distributed/reduce.hpp"
#include "trainer/fixed_point.hpp"
#include "trainer/stopwatch.hpp"
#include "trainer/tensor_buffer.hpp"

#include <ATen/ops/zeros.h>

#include <algorithm>

namespace cogent::trainer {
namespace {

using distributed::Buffer;

at::Tensor zeros(std::int64_t count, at::ScalarType type) {
  return at::zeros({count}, at::TensorOptions().dtype(type));
}

template <typename T>
std::span<T> span_of(const at::Tensor& flat) {
  return {flat.mutable_data_ptr<T>(), static_cast<std::size_t>(flat.numel())};
}

// Runs `work(begin, length)` over parts of `count` values, on the compute threads.
template <typename Function>
void for_each_part(std::int64_t count, const Function& work) {
  constexpr std::int64_t kPart = 1 << 16;
#pragma omp parallel for schedule(static)
  for (std::int64_t begin = 0; begin < count; begin += kPart) {
    work(static_cast<std::size_t>(begin), static_cast<std::size_t>(std::min(kPart, count - begin)));
  }
}

// Scratch for one unit's gradient: one piece of memory for all blocks and the larger of embedding
// and head. The two ends do not share, since a tied head's backward adds to both.
std::vector<at::Tensor> shared_scratch(const ShardLayout& layout) {
  const std::size_t last = layout.units().size() - 1;
  std::int64_t inner = layout.unit_size(0);
  for (std::size_t unit = 1; unit < last; ++unit) {
    inner = std::max(inner, layout.unit_size(unit));
  }
  const at::Tensor flat = zeros(inner + layout.unit_size(last), at::kFloat);
  std::vector<at::Tensor> scratch;
  for (std::size_t unit = 0; unit <= last; ++unit) {
    scratch.push_back(flat.narrow(0, unit == last ? inner : 0, layout.unit_size(unit)));
  }
  return scratch;
}

}  // namespace

GradientSum::GradientSum(const ShardLayout& layout, distributed::Communicator& learners,
                         Numerics numerics, const LearnerSettings& settings)
    : layout_(layout),
      learners_(learners),
      exact_(numerics == Numerics::kExact),
      at_once_(learners.size() > 1 && (settings.shard == ShardMode::kGradients ||
                                       settings.shard == ShardMode::kParameters)),
      rounds_(settings.reduce == WeightType::kBFloat16) {
  check(!exact_ || !rounds_, ErrorCode::kUsage,
        "numerics: exact adds gradients without rounding them to bfloat16");
  const at::ScalarType type = exact_ ? at::kLong : at::kFloat;
  const auto rank = static_cast<std::size_t>(learners.rank());
  if (exact_ || at_once_) {
    scratch_ = shared_scratch(layout);
  }
  std::int64_t largest_unit = 0;
  std::int64_t largest_shard = 0;
  for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
    const std::int64_t size = layout.unit_size(unit);
    const std::int64_t shard_size = layout.counts(unit)[rank];
    largest_unit = std::max(largest_unit, size);
    largest_shard = std::max(largest_shard, shard_size);
    sums_.push_back(zeros(at_once_ ? shard_size : size, type));
    reduced_.push_back(at_once_ || learners.size() == 1 ? at::Tensor() : zeros(shard_size, type));
    gradients_.push_back(
        model::unit_views(layout.units()[unit], scratch_.empty() ? sums_[unit] : scratch_[unit]));
  }
  if (at_once_) {
    staging_ = zeros(largest_unit, type);
    received_ = zeros(largest_shard, type);
  }
}

void GradientSum::begin_update(std::int64_t conversions) {
  seconds_ = 0;
  const Stopwatch watch(seconds_);
  limit_ = fixed_point_limit(std::max<std::int64_t>(1, conversions));
  in_range_ = true;
  for (const at::Tensor& sums : sums_) {
    sums.zero_();
  }
}

// Adds the unit's gradient to `sums` [unit size] and clears it for the next use.
void GradientSum::accumulate(std::size_t unit, const at::Tensor& sums) {
  const std::span<float> gradient = span_of<float>(scratch_[unit]);
  if (!exact_) {
    sums.add_(scratch_[unit]);
    scratch_[unit].zero_();
    return;
  }
  const std::span<std::int64_t> into = span_of<std::int64_t>(sums);
  bool fits = true;
  for_each_part(sums.numel(), [&](std::size_t begin, std::size_t length) {
    if (!add_fixed_point(gradient.subspan(begin, length), limit_, into.subspan(begin, length))) {
#pragma omp atomic write
      fits = false;
    }
  });
  in_range_ = in_range_ && fits;
}

void GradientSum::add(std::size_t unit, bool last) {
  const Stopwatch watch(seconds_);
  if (at_once_) {
    settle();
    const at::Tensor staged = staging_.narrow(0, 0, layout_.unit_size(unit));
    staged.zero_();
    accumulate(unit, staged);
    start_reduction(unit);
    return;
  }
  if (!scratch_.empty()) {
    accumulate(unit, sums_[unit]);
  }
  if (last && learners_.size() > 1) {
    start_reduction(unit);
  }
}

void GradientSum::start_reduction(std::size_t unit) {
  const std::vector<std::int64_t> counts = layout_.counts(unit);
  const std::int64_t own = counts[static_cast<std::size_t>(learners_.rank())];
  const at::Tensor from = at_once_ ? staging_.narrow(0, 0, layout_.unit_size(unit)) : sums_[unit];
  const at::Tensor to = at_once_ ? received_.narrow(0, 0, own) : reduced_[unit];
  staged_unit_ = unit;
  const Buffer part = rounds_ ? distributed::round_in_place(span_of<float>(from)) : buffer_of(from);
  reductions_.push_back(learners_.reduce_scatter(part, buffer_of(to), counts,
                                                 "gradient of " + layout_.units()[unit].name));
}

// Waits for the reductions under way; one that was reduced at once is added to its shard's sum.
void GradientSum::settle() {
  if (reductions_.empty()) {
    return;
  }
  for (distributed::Work& work : reductions_) {
    work.wait();
  }
  reductions_.clear();
  if (at_once_) {
    sums_[staged_unit_].add_(received_.narrow(0, 0, sums_[staged_unit_].numel()));
  }
}

bool GradientSum::finish() {
  const Stopwatch watch(seconds_);
  settle();
  if (!exact_) {
    return true;
  }
  std::int64_t out_of_range = in_range_ ? 0 : 1;
  learners_
      .all_reduce(Buffer(std::span(&out_of_range, 1)), distributed::ReduceOp::kMax,
                  "range of the gradients")
      .wait();
  return out_of_range == 0;
}

std::span<const float> GradientSum::values(std::size_t unit, std::int64_t offset,
                                           std::int64_t count, std::span<float> scratch) const {
  const at::Tensor& shard = reduced_[unit].defined() ? reduced_[unit] : sums_[unit];
  const auto begin = static_cast<std::size_t>(offset);
  const auto length = static_cast<std::size_t>(count);
  if (!exact_) {
    return span_of<float>(shard).subspan(begin, length);
  }
  const std::span<float> converted = scratch.first(length);
  fixed_point_values(span_of<std::int64_t>(shard).subspan(begin, length), converted);
  return converted;
}

}  // namespace cogent::trainer
