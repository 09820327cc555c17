#pragma once

#include <cstdint>
#include <immintrin.h>

// Sixteen float32 lanes: one AVX-512 register or two of AVX2. A kernel is written once against
// this, and its source compiled once for each instruction set; lanes never mix, so both give the
// same bits. Only the kernel sources include this. The type has internal linkage and everything is
// `static`, so that nothing that needs an instruction set can be linked into other files.
namespace cogent::model::cpu {

inline constexpr std::int64_t kVec16 = 16;

namespace {

#ifdef __AVX512F__
struct Vec16 {
  __m512 x;
};
#else
struct Vec16 {
  __m256 low, high;
};
#endif

}  // namespace

#ifdef __AVX512F__

static inline Vec16 load16(const float* from) {
  return {_mm512_loadu_ps(from)};
}
static inline void store16(float* to, Vec16 a) {
  _mm512_storeu_ps(to, a.x);
}
static inline Vec16 splat16(float a) {
  return {_mm512_set1_ps(a)};
}
static inline Vec16 fma16(Vec16 a, Vec16 b, Vec16 c) {
  return {_mm512_fmadd_ps(a.x, b.x, c.x)};
}

#else

static inline Vec16 load16(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
static inline void store16(float* to, Vec16 a) {
  _mm256_storeu_ps(to, a.low);
  _mm256_storeu_ps(to + 8, a.high);
}
static inline Vec16 splat16(float a) {
  const __m256 both = _mm256_set1_ps(a);
  return {both, both};
}
static inline Vec16 fma16(Vec16 a, Vec16 b, Vec16 c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

#endif

}  // namespace cogent::model::cpu
