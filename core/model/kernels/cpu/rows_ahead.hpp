#pragma once

#include "core/model/kernels/cpu/avx2.hpp"

#include <immintrin.h>

namespace cogent::model::cpu {
namespace {

// Asks for rows of keys and values that are needed soon, a few with each step of what is computed
// meanwhile: asked for all at once they would wait for the memory one behind the other, and what
// is computed with them.
class RowsAhead {
 public:
  RowsAhead() = default;  // asks for nothing
  // The first `rows` rows of the runs, in `steps` steps; keys and values point at the head's
  // values in row 0.
  RowsAhead(const KeyRun* runs, std::int64_t rows, const float* keys, const float* values,
            const AttentionShape& shape, std::int64_t steps)
      : run_(runs),
        row_(runs->begin),
        left_(rows),
        at_a_time_((rows + steps - 1) / steps),
        keys_(keys),
        values_(values),
        stride_(shape.kv_heads * shape.head_dim),
        head_dim_(shape.head_dim) {}

  void step() {
    for (std::int64_t i = 0; i < at_a_time_ && left_ > 0; ++i, --left_) {
      while (row_ == run_->end) {
        ++run_;
        row_ = run_->begin;
      }
      const std::int64_t offset = row_++ * stride_;
      for (std::int64_t c = 0; c < head_dim_; c += kLine) {
        _mm_prefetch(reinterpret_cast<const char*>(keys_ + offset + c), _MM_HINT_T1);
        _mm_prefetch(reinterpret_cast<const char*>(values_ + offset + c), _MM_HINT_T1);
      }
    }
  }

 private:
  static constexpr std::int64_t kLine = 16;  // floats of a cache line

  const KeyRun* run_ = nullptr;
  std::int64_t row_ = 0;
  std::int64_t left_ = 0;
  std::int64_t at_a_time_ = 0;
  const float* keys_ = nullptr;
  const float* values_ = nullptr;
  std::int64_t stride_ = 0;
  std::int64_t head_dim_ = 0;
};

}  // namespace
}  // namespace cogent::model::cpu
