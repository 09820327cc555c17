#pragma once

#include <cstdint>
#include <immintrin.h>
#include <initializer_list>

// Eight float32 lanes of AVX2 + FMA. Only the *_avx2.cpp files include this. Everything is
// `static`, so that no copy of it that needs AVX2 can be linked into other files.
namespace cogent::model::cpu {

using Vec8 = __m256;
inline constexpr std::int64_t kLanes = 8;

static inline Vec8 load(const float* from) {
  return _mm256_loadu_ps(from);
}
static inline void store(float* to, Vec8 x) {
  _mm256_storeu_ps(to, x);
}

// The first lanes of a vector, for the end of a row: memory past them is neither read nor written,
// and reads as 0.
using LaneMask = __m256i;
static inline LaneMask first_lanes(std::int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline Vec8 load(const float* from, LaneMask mask) {
  return _mm256_maskload_ps(from, mask);
}
static inline void store(float* to, Vec8 x, LaneMask mask) {
  _mm256_maskstore_ps(to, mask, x);
}

static inline Vec8 splat(float x) {
  return _mm256_set1_ps(x);
}
static inline Vec8 fma(Vec8 a, Vec8 b, Vec8 c) {
  return _mm256_fmadd_ps(a, b, c);
}

// Sum of the lanes in a fixed tree: ((0+1)+(2+3)) + ((4+5)+(6+7)).
static inline float sum(Vec8 x) {
  Vec8 pairs = _mm256_hadd_ps(x, x);
  pairs = _mm256_hadd_ps(pairs, pairs);
  return _mm_cvtss_f32(_mm_add_ss(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1)));
}

// The pairs and fours of that tree for four vectors: lane i of each half is that half's part of
// sum(x[i]).
static inline Vec8 fold4(const Vec8* x) {
  return _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3]));
}
// Its root: lane i is sum(x[i]) for the eight vectors that were folded into a and b.
static inline Vec8 join_folded(Vec8 a, Vec8 b) {
  return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

static inline float max(Vec8 x) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

// e^x within 2 ulp. 0 below -87.3 (no denormal results), e^88.3 above 88.3 (no overflow), NaN for
// NaN. x = n ln 2 + r with |r| <= ln 2 / 2; the polynomial is the Taylor series of e^r to degree 7.
static inline Vec8 exp(Vec8 x) {
  const Vec8 lowest = splat(-87.3f);
  // The constants come first: max and min give their second operand where one is NaN.
  const Vec8 clamped = _mm256_min_ps(splat(88.3f), _mm256_max_ps(lowest, x));
  const Vec8 n = _mm256_round_ps(_mm256_mul_ps(clamped, splat(1.44269504f)),
                                 _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  // ln 2 in two parts, the first with so few bits that its product with n is exact.
  Vec8 r = fma(n, splat(-0.693359375f), clamped);
  r = fma(n, splat(2.12194440e-4f), r);
  Vec8 p = splat(1.0f / 5040);
  for (const float coefficient : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) {
    p = fma(p, r, splat(coefficient));
  }
  const __m256i exponent =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  const Vec8 result = _mm256_mul_ps(p, _mm256_castsi256_ps(exponent));
  return _mm256_andnot_ps(_mm256_cmp_ps(x, lowest, _CMP_LT_OQ), result);
}

}  // namespace cogent::model::cpu
