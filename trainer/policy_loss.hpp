#pragma once

#include "core/config/run_config.hpp"
#include "trainer/surrogate.hpp"

#include <span>
#include <vector>

namespace cogent::trainer {

// One trained token: log-probabilities, and the policy's entropy at its place.
struct TokenTerm {
  double logprob = 0;    // policy
  double old = 0;        // what the ratio is relative to: behaviour or proximal policy
  double behavior = 0;   // the policy that drew the token; equal to `old` unless that is proximal
  double reference = 0;  // frozen reference; read only where the loss has a KL term
  double entropy = 0;    // read only where there is an entropy bonus
};

struct TokenLoss {
  double value = 0;     // importance * surrogate + beta * kl - entropy_coef * entropy, unweighted
  double gradient = 0;  // d (sum of the sequence's values) / d this token's logprob
  double entropy_gradient = 0;  // d value / d entropy
  double ratio = 1;             // of the token, or of its sequence
  double kl = 0;                // 0 where the loss has no KL term
  double importance = 1;
  Bound bound = Bound::kNone;
};

// Whether the loss, not the reward, holds a KL term.
bool has_kl_loss(const GrpoSettings& settings);

// Whether a completion with this advantage has any gradient: else it need not be computed.
bool has_gradient(const GrpoSettings& settings, double advantage);

// The loss of the tokens of one sequence, in order. The parts, one file each: surrogate.hpp,
// importance.hpp, kl.hpp; aggregation.hpp has their weights.
//
// With grpo.ratio: sequence the ratio of all n tokens is s = exp(sum(logprob - old) / n) (GSPO,
// arXiv 2507.18071). All tokens then have one loss f(s), whose derivative by a token's logprob is
// f'(s) s / n; the n losses together make that f'(s) s times the mean of their importance weights.
std::vector<TokenLoss> sequence_loss(const GrpoSettings& settings, double advantage,
                                     std::span<const TokenTerm> tokens);

}  // namespace cogent::trainer
