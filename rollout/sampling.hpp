#pragma once

#include "core/base/philox.hpp"
#include "core/records/records.hpp"
#include "rollout/softmax_weights.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cogent::rollout {

// Throws kUsage where an option is out of its range, naming it.
void check_sampling(const SamplingOptions& options);

// Where the uniform number of one token stands.
DrawAddress draw_address(const RolloutRequest& request, std::uint32_t completion,
                         std::uint32_t position);

// The distribution that one row of logits stands for. Holds scratch memory: one object a thread,
// prepared for row after row.
class TokenDistribution {
 public:
  // logits [vocab]. Temperature, then top-k, then renormalised top-p: the smallest set of likeliest
  // tokens whose mass reaches top_p; equal logits are taken by the lower id. Throws kNumerics where
  // the logits are not finite. The logits must outlive the draws.
  void prepare(std::span<const float> logits, const SamplingOptions& options);

  // The token at `uniform` in [0, 1) of the float64 cumulative distribution in token-id order. When
  // greedy, the lowest id among the largest logits, whatever the uniform.
  std::int32_t draw(double uniform) const;

  // The tokens that truncation keeps, by id; empty where nothing is truncated.
  std::span<const std::int32_t> kept() const { return kept_; }

 private:
  enum class Measure { kCount, kMass };

  void truncate(const SamplingOptions& options);
  // Fills kept_ with at least the likeliest tokens that make up `needed` tokens or weight.
  void collect_candidates(double needed, Measure measure);
  void keep_top_k(std::size_t count);
  void keep_top_p(double needed);  // weight
  bool is_likelier(std::int32_t a, std::int32_t b) const;
  std::int32_t pick_largest() const;
  std::int32_t pick(double uniform) const;
  std::int32_t pick_kept(double uniform) const;
  double weight(std::int32_t id) const;
  double kept_weight() const;

  std::span<const float> logits_;
  SoftmaxWeights softmax_;
  bool greedy_ = false;
  std::vector<std::int32_t> kept_;
  double kept_total_ = 0;
};

}  // namespace cogent::rollout
