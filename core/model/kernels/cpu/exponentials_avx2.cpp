#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/logarithm.hpp"
#include "core/model/kernels/cpu/vec8.hpp"

#include <cstring>
#include <limits>

// SwiGLU and the softmax over the vocabulary: loops that live by the exponential.
namespace cogent::model::cpu {
namespace {

constexpr std::int64_t kBlock = 4096;  // values that a thread takes at a time

Vec8 sigmoid(Vec8 x) {
  const Vec8 one = splat(1);
  return _mm256_div_ps(one, _mm256_add_ps(one, exp(_mm256_sub_ps(splat(0), x))));
}

// The first `count` < 8 lanes from memory, the rest `filler`.
Vec8 load_part(const float* from, std::int64_t count, float filler) {
  float lanes[kLanes];
  for (std::int64_t i = 0; i < kLanes; ++i) {
    lanes[i] = i < count ? from[i] : filler;
  }
  return load(lanes);
}

void store_part(float* to, std::int64_t count, Vec8 x) {
  float lanes[kLanes];
  store(lanes, x);
  std::memcpy(to, lanes, sizeof(float) * static_cast<std::size_t>(count));
}

Vec8 silu_times(Vec8 gate, Vec8 up) {
  return _mm256_mul_ps(_mm256_mul_ps(gate, sigmoid(gate)), up);
}

// With s = sigmoid(gate): dup = dy gate s, dgate = dy up s (1 + gate (1 - s)).
struct SwigluGradient {
  Vec8 dgate, dup;
};
SwigluGradient swiglu_gradient_of(Vec8 dy, Vec8 gate, Vec8 up) {
  const Vec8 s = sigmoid(gate);
  const Vec8 dy_s = _mm256_mul_ps(dy, s);
  const Vec8 slope = fma(gate, _mm256_sub_ps(splat(1), s), splat(1));
  return {_mm256_mul_ps(_mm256_mul_ps(dy_s, up), slope), _mm256_mul_ps(dy_s, gate)};
}

void add_part(float* to, std::int64_t count, Vec8 x) {
  if (to == nullptr) {
    return;
  }
  if (count == kLanes) {
    store(to, _mm256_add_ps(load(to), x));
  } else {
    store_part(to, count, _mm256_add_ps(load_part(to, count, 0), x));
  }
}

float* shifted(float* pointer, std::int64_t by) {
  return pointer == nullptr ? nullptr : pointer + by;
}

}  // namespace

void swiglu_forward(const float* gate, const float* up, std::int64_t n, float* y) {
#pragma omp parallel for schedule(static)
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t end = n - begin < kBlock ? n : begin + kBlock;
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      store(y + i, silu_times(load(gate + i), load(up + i)));
    }
    if (i < end) {
      store_part(y + i, end - i,
                 silu_times(load_part(gate + i, end - i, 0), load_part(up + i, end - i, 0)));
    }
  }
}

void swiglu_gradient(const float* dy, const float* gate, const float* up, std::int64_t n,
                     float* dgate, float* dup) {
#pragma omp parallel for schedule(static)
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t end = n - begin < kBlock ? n : begin + kBlock;
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      const SwigluGradient d = swiglu_gradient_of(load(dy + i), load(gate + i), load(up + i));
      add_part(shifted(dgate, i), kLanes, d.dgate);
      add_part(shifted(dup, i), kLanes, d.dup);
    }
    if (const std::int64_t rest = end - i; rest > 0) {
      const SwigluGradient d = swiglu_gradient_of(
          load_part(dy + i, rest, 0), load_part(gate + i, rest, 0), load_part(up + i, rest, 0));
      add_part(shifted(dgate, i), rest, d.dgate);
      add_part(shifted(dup, i), rest, d.dup);
    }
  }
}

namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

struct RowStatistics {
  float lse, entropy;
};

RowStatistics row_statistics(const float* x, float scale, std::int64_t vocab) {
  const Vec8 scales = splat(scale);
  const std::int64_t whole = vocab - vocab % kLanes;
  const Vec8 tail = load_part(x + whole, vocab - whole, kMinusInfinity);
  Vec8 top = tail;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    top = _mm256_max_ps(top, load(x + i));
  }
  const float highest = max(top) * scale;
  const Vec8 shift = splat(-highest);
  // Of z = scale x - highest: the sums of e^z and of z e^z.
  Vec8 total = splat(0);
  Vec8 weighted = splat(0);
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    const Vec8 z = fma(load(x + i), scales, shift);
    const Vec8 e = exp(z);
    total = _mm256_add_ps(total, e);
    weighted = fma(z, e, weighted);
  }
  if (whole < vocab) {
    const Vec8 z = fma(tail, scales, shift);
    const Vec8 e = exp(z);
    total = _mm256_add_ps(total, e);
    weighted = fma(_mm256_max_ps(z, splat(-200)), e, weighted);
  }
  const float normaliser = sum(total);
  const float log_normaliser = logarithm(normaliser);
  return {highest + log_normaliser, log_normaliser - sum(weighted) / normaliser};
}

}  // namespace

void softmax_statistics(const float* logits, const std::int64_t* targets, float scale,
                        std::int64_t rows, std::int64_t vocab, float* logprob, float* entropy,
                        float* lse) {
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* x = logits + row * vocab;
    const RowStatistics statistics = row_statistics(x, scale, vocab);
    lse[row] = statistics.lse;
    entropy[row] = statistics.entropy;
    logprob[row] = x[targets[row]] * scale - statistics.lse;
  }
}

void softmax_gradient(float* logits, const std::int64_t* targets, const float* lse,
                      const float* dlogprob, float scale, std::int64_t rows, std::int64_t vocab) {
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row) {
    float* x = logits + row * vocab;
    const float factor = dlogprob[row] * scale;
    const Vec8 scales = splat(scale);
    const Vec8 shift = splat(-lse[row]);
    const Vec8 negative = splat(-factor);
    std::int64_t i = 0;
    for (; i + kLanes <= vocab; i += kLanes) {
      store(x + i, _mm256_mul_ps(negative, exp(fma(load(x + i), scales, shift))));
    }
    if (i < vocab) {
      const Vec8 z = fma(load_part(x + i, vocab - i, kMinusInfinity), scales, shift);
      store_part(x + i, vocab - i, _mm256_mul_ps(negative, exp(z)));
    }
    x[targets[row]] += factor;
  }
}

void softmax_entropy_gradient(float* logits, const std::int64_t* targets, const float* lse,
                              const float* entropy, const float* dlogprob, const float* dentropy,
                              float scale, std::int64_t rows, std::int64_t vocab) {
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row) {
    float* x = logits + row * vocab;
    const Vec8 scales = splat(scale);
    const Vec8 shift = splat(-lse[row]);
    const Vec8 negative_entropy_factor = splat(-dentropy[row] * scale);
    // At log p = -entropy the entropy has no gradient.
    const Vec8 constant = splat(-(dlogprob[row] + dentropy[row] * entropy[row]) * scale);
    const auto gradient = [&](Vec8 logit) {
      // Where p is 0, so is p log p.
      const Vec8 log_p = _mm256_max_ps(fma(logit, scales, shift), splat(-200));
      return _mm256_mul_ps(fma(negative_entropy_factor, log_p, constant), exp(log_p));
    };
    std::int64_t i = 0;
    for (; i + kLanes <= vocab; i += kLanes) {
      store(x + i, gradient(load(x + i)));
    }
    if (i < vocab) {
      store_part(x + i, vocab - i, gradient(load_part(x + i, vocab - i, kMinusInfinity)));
    }
    x[targets[row]] += dlogprob[row] * scale;
  }
}

}  // namespace cogent::model::cpu
