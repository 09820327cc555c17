#pragma once

#include "core/base/philox.hpp"
#include "core/records/records.hpp"
#include "rollout/softmax_weights.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::rollout {

// Below it scaled logits leave the range of float32.
inline constexpr double kLowestTemperature = 0.001;

// Throws kUsage where an option is out of its range, naming it.
void check_sampling(const SamplingOptions& options);

// Where the uniform number of one token stands.
DrawAddress draw_address(const RolloutRequest& request, std::uint32_t completion,
                         std::uint32_t position);

// The tokens that a repetition penalty bears on: those of a prompt and of its completion so far. An
// id that is no index of the logits is ignored.
struct SeenTokens {
  std::span<const std::int32_t> prompt;
  std::span<const std::int32_t> completion;
};

// The distribution that one row of logits stands for. Holds scratch memory: one object a thread,
// prepared for row after row.
class TokenDistribution {
 public:
  // logits [vocab]. In this order: the repetition penalty, which divides the positive logits of the
  // seen tokens and multiplies the others, once a token; temperature; top-k; top-p of what is left,
  // renormalised: the smallest set of likeliest tokens whose mass reaches top_p; min-p: tokens of
  // at least min_p times the largest probability. Equal logits are taken by the lower id. Throws
  // kNumerics where the logits are not finite. The logits must outlive the draws.
  void prepare(std::span<const float> logits, const SamplingOptions& options,
               const SeenTokens& seen = {});

  // The token at `uniform` in [0, 1) of the float64 cumulative distribution in token-id order. When
  // greedy, the lowest id among the largest logits, whatever the uniform.
  std::int32_t draw(double uniform) const;

  // Natural logarithm of the probability with which draw() returns this token: of penalised logits,
  // truncated and renormalised; 0 for the token of a greedy draw. Minus infinity where it cannot be
  // drawn.
  float logprob(std::int32_t id) const;

  // The tokens that truncation keeps, by id; empty where nothing is truncated.
  std::span<const std::int32_t> kept() const { return kept_; }

 private:
  enum class Measure { kCount, kMass };

  void penalise(float penalty, const SeenTokens& seen);
  void truncate(const SamplingOptions& options);
  // A weight that at least the likeliest tokens that make up `needed` tokens or weight reach.
  float least_weight(double needed, Measure measure) const;
  // Fills kept_ with the tokens of at least this weight.
  void collect(float least);
  void keep_top_k(std::size_t count);
  void keep_top_p(double needed);  // weight
  void keep_min_p(float share);
  bool is_likelier(std::int32_t a, std::int32_t b) const;
  std::int32_t pick_largest() const;
  std::int32_t pick(double uniform) const;
  std::int32_t pick_kept(double uniform) const;
  double weight(std::int32_t id) const;
  double kept_weight() const;

  std::span<const float> logits_;
  std::vector<float> penalised_;  // [vocab] logits where there is a penalty
  SoftmaxWeights softmax_;
  bool greedy_ = false;
  std::vector<std::int32_t> kept_;
  double kept_total_ = 0;
};

}  // namespace cogent::rollout
