#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace cogent::rollout {

inline constexpr std::size_t kWeightBlock = 256;  // tokens whose weights are summed together

// exp((logit - largest logit) / temperature) of every token, summed in float64 by blocks. The order
// of the sums is fixed by the lane count of the source, never by the width of the machine's
// vectors, so every machine gets the same bits.
struct SoftmaxWeights {
  float largest = 0;               // logit
  float inverse_temperature = 1;   // what the differences are multiplied by
  std::vector<float> weights;      // [vocab]
  std::vector<double> block_sums;  // [ceil(vocab / kWeightBlock)]
  double total = 0;                // of the block sums, in order; NaN where a logit is not a number
};

// Fills `result`, whose buffers are reused. Logits of minus infinity get the weight 0.
void softmax_weights(std::span<const float> logits, float inverse_temperature,
                     SoftmaxWeights& result);

}  // namespace cogent::rollout
