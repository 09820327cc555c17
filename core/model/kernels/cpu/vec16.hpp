#pragma once

#include <cstdint>
#include <immintrin.h>

// Sixteen float32 lanes, loaded from float32 or from the bits of bfloat16: one AVX-512 register or
// two of AVX2. A kernel is written once against this, and its source compiled once for each
// instruction set; lanes never mix, so both give the same bits. Only the kernel sources include
// this. The type has internal linkage and everything is `static`, so that nothing that needs an
// instruction set can be linked into other files.
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
static inline Vec16 load16(const std::uint16_t* from) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  // All lanes: g++ 12 takes the unmasked forms for reads of uninitialised memory.
  constexpr __mmask16 kAll = 0xFFFF;
  return {_mm512_castsi512_ps(
      _mm512_maskz_slli_epi32(kAll, _mm512_maskz_cvtepu16_epi32(kAll, bits), 16))};
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
static inline Vec16 load16(const std::uint16_t* from) {
  const auto widened = [](const std::uint16_t* bits) {
    const __m128i loaded = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bits));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(loaded), 16));
  };
  return {widened(from), widened(from + 8)};
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
