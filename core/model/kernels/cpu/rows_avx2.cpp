#include "core/model/kernels/cpu/avx2.hpp"
#include "core/model/kernels/cpu/vec8.hpp"

#include <cmath>
#include <cstring>

namespace cogent::model::cpu {
namespace {

// Sum of a[i] b[i] over 16 lanes, folded in a fixed tree; a tail is padded with zeros.
float dot(const float* a, const float* b, std::int64_t n) {
  Vec8 low = splat(0);
  Vec8 high = splat(0);
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    low = fma(load(a + i), load(b + i), low);
    high = fma(load(a + i + kLanes), load(b + i + kLanes), high);
  }
  float tail_a[2 * kLanes] = {};
  float tail_b[2 * kLanes] = {};
  std::memcpy(tail_a, a + i, sizeof(float) * static_cast<std::size_t>(n - i));
  std::memcpy(tail_b, b + i, sizeof(float) * static_cast<std::size_t>(n - i));
  low = fma(load(tail_a), load(tail_b), low);
  high = fma(load(tail_a + kLanes), load(tail_b + kLanes), high);
  return sum(_mm256_add_ps(low, high));
}

float inverse_rms(const float* x, float eps, std::int64_t n) {
  return 1 / std::sqrt(dot(x, x, n) / static_cast<float>(n) + eps);
}

}  // namespace

void rmsnorm_forward(const float* x, const float* weight, float eps, std::int64_t rows,
                     std::int64_t n, float* y) {
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * n;
    float* to = y + row * n;
    const float r = inverse_rms(from, eps, n);
    for (std::int64_t i = 0; i < n; ++i) {
      to[i] = from[i] * r * weight[i];
    }
  }
}

void rmsnorm_gradient(const float* dy, const float* x, const float* weight, float eps,
                      std::int64_t rows, std::int64_t n, float* inverse, float* dx,
                      float* dweight) {
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * n;
    float* to = dx + row * n;
    const float r = inverse_rms(from, eps, n);
    inverse[row] = r;
    for (std::int64_t i = 0; i < n; ++i) {
      to[i] = dy[row * n + i] * weight[i];
    }
    const float mean = dot(to, from, n) * r / static_cast<float>(n);
    for (std::int64_t i = 0; i < n; ++i) {
      to[i] = r * (to[i] - from[i] * r * mean);
    }
  }
  if (dweight == nullptr) {
    return;
  }
  // By columns, each in the order of the rows.
  constexpr std::int64_t kColumns = 64;
#pragma omp parallel for schedule(static)
  for (std::int64_t begin = 0; begin < n; begin += kColumns) {
    const std::int64_t width = n - begin < kColumns ? n - begin : kColumns;
    float total[kColumns] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      const float* a = dy + row * n + begin;
      const float* b = x + row * n + begin;
      for (std::int64_t i = 0; i < width; ++i) {
        total[i] += a[i] * b[i] * inverse[row];
      }
    }
    for (std::int64_t i = 0; i < width; ++i) {
      dweight[begin + i] += total[i];
    }
  }
}

void add_column_sums(const float* x, std::int64_t rows, std::int64_t n, float* sums) {
  constexpr std::int64_t kColumns = 64;
#pragma omp parallel for schedule(static)
  for (std::int64_t begin = 0; begin < n; begin += kColumns) {
    const std::int64_t width = n - begin < kColumns ? n - begin : kColumns;
    float total[kColumns] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t i = 0; i < width; ++i) {
        total[i] += x[row * n + begin + i];
      }
    }
    for (std::int64_t i = 0; i < width; ++i) {
      sums[begin + i] += total[i];
    }
  }
}

void rope_rotate(const float* x, const float* cos, const float* sin, float direction,
                 std::int64_t rows, std::int64_t heads, std::int64_t half, float* y) {
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* c = cos + row * half;
    const float* s = sin + row * half;
    for (std::int64_t head = 0; head < heads; ++head) {
      const float* from = x + (row * heads + head) * 2 * half;
      float* to = y + (row * heads + head) * 2 * half;
      for (std::int64_t i = 0; i < half; ++i) {
        const float sine = direction * s[i];
        to[i] = from[i] * c[i] - from[half + i] * sine;
        to[half + i] = from[half + i] * c[i] + from[i] * sine;
      }
    }
  }
}

}  // namespace cogent::model::cpu
