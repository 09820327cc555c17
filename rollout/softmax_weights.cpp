#include "rollout/softmax_weights.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>

namespace cogent::rollout {
namespace {

// Two AVX2 registers of floats; narrower and wider machines keep the same lanes.
constexpr std::size_t kLanes = 16;

// e^x for x <= 0, within 2 ulp; 0 below -87. Written without branches and calls, so that a loop
// over it becomes vector code. x = n ln 2 + r with |r| <= ln 2 / 2, e^r by the polynomial of
// Cephes' expf.
inline float exponential(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float shifted = x * 1.44269504F + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const std::uint32_t exponent = std::bit_cast<std::uint32_t>(shifted) << 23;
  const float power = std::bit_cast<float>(exponent + 0x3F800000U);
  return x < -87.0F ? 0.0F : p * power;
}

float largest_of(std::span<const float> logits) {
  std::array<float, kLanes> lanes;
  lanes.fill(-std::numeric_limits<float>::infinity());
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = logits[i + lane] > lanes[lane] ? logits[i + lane] : lanes[lane];
    }
  }
  float largest = *std::max_element(lanes.begin(), lanes.end());
  for (; i < logits.size(); ++i) {
    largest = logits[i] > largest ? logits[i] : largest;
  }
  return largest;
}

double sum_of(const float* weights, std::size_t count) {
  std::array<double, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += static_cast<double>(weights[i + lane]);
    }
  }
  for (std::size_t lane = 0; i < count; ++i, ++lane) {
    lanes[lane] += static_cast<double>(weights[i]);
  }
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) {
      lanes[lane] += lanes[lane + half];
    }
  }
  return lanes[0];
}

}  // namespace

// One copy for wider vectors where the machine has them: no sum of it depends on their width, and
// products are never fused (-ffp-contract=off), so the bits are the same.
__attribute__((target_clones("avx2", "default"))) void softmax_weights(
    std::span<const float> logits, float inverse_temperature, SoftmaxWeights& result) {
  const std::size_t count = logits.size();
  result.largest = largest_of(logits);
  result.inverse_temperature = inverse_temperature;
  result.weights.resize(count);
  const float largest = result.largest;
  const float* from = logits.data();
  float* to = result.weights.data();
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = exponential((from[i] - largest) * inverse_temperature);
  }
  result.block_sums.clear();
  result.total = 0;
  for (std::size_t begin = 0; begin < count; begin += kWeightBlock) {
    result.block_sums.push_back(sum_of(to + begin, std::min(kWeightBlock, count - begin)));
    result.total += result.block_sums.back();
  }
}

}  // namespace cogent::rollout
