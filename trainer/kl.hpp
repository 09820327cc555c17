#pragma once

#include "core/config/run_config.hpp"

namespace cogent::trainer {

// An estimate of KL(policy || reference) from one token that the policy drew.
struct KlTerm {
  double value = 0;
  double gradient = 0;  // d value / d logprob
};

// With r = logprob - reference: k1 = r, k2 = r^2 / 2, k3 = exp(-r) + r - 1. All three have the KL
// as their mean or near it; of the gradients only k2's has the mean of the KL's own, and k1's has
// mean 0, so that k1 belongs into the reward. Source: J. Schulman, "Approximating KL divergence"
// (2020).
KlTerm kl_term(KlEstimator estimator, double logprob, double reference);

}  // namespace cogent::trainer
