#include "trainer/policy_loss.hpp"

#include "trainer/importance.hpp"
#include "trainer/kl.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cogent::trainer {
namespace {

// log(policy / old) of each token, or of the sequence: the mean.
std::vector<double> log_ratios(RatioLevel level, std::span<const TokenTerm> tokens) {
  std::vector<double> logs;
  double sum = 0;
  for (const TokenTerm& token : tokens) {
    logs.push_back(token.logprob - token.old);
    sum += logs.back();
  }
  if (level == RatioLevel::kSequence && !logs.empty()) {
    std::fill(logs.begin(), logs.end(), sum / static_cast<double>(logs.size()));
  }
  return logs;
}

// The weights that the gradients have. A sequence's ratio carries the mean of its tokens' weights
// to every token; CISPO's gradient stays with its token.
std::vector<double> gradient_weights(const GrpoSettings& settings,
                                     const std::vector<double>& importance) {
  if (settings.ratio == RatioLevel::kToken || settings.surrogate == Surrogate::kCispo) {
    return importance;
  }
  const double sum = std::accumulate(importance.begin(), importance.end(), 0.0);
  return std::vector<double>(importance.size(), sum / static_cast<double>(importance.size()));
}

std::vector<double> importance_weights(const GrpoSettings& settings,
                                       std::span<const TokenTerm> tokens) {
  std::vector<double> weights(tokens.size(), 1.0);
  if (settings.old_policy == OldPolicy::kBehavior) {
    return weights;
  }
  double sum = 0;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const double log_weight = tokens[t].old - tokens[t].behavior;
    sum += log_weight;
    weights[t] = importance_weight(settings, log_weight);
  }
  if (settings.importance_level == RatioLevel::kSequence) {
    std::fill(weights.begin(), weights.end(), importance_weight(settings, sum));
  }
  return weights;
}

}  // namespace

bool has_kl_loss(const GrpoSettings& settings) {
  return settings.beta > 0 && settings.kl_in == KlPlace::kLoss;
}

bool has_gradient(const GrpoSettings& settings, double advantage) {
  return advantage != 0 || has_kl_loss(settings) || settings.entropy_coef > 0;
}

std::vector<TokenLoss> sequence_loss(const GrpoSettings& settings, double advantage,
                                     std::span<const TokenTerm> tokens) {
  const std::vector<double> logs = log_ratios(settings.ratio, tokens);
  const std::vector<double> importance = importance_weights(settings, tokens);
  const std::vector<double> spread = gradient_weights(settings, importance);
  const bool with_kl = has_kl_loss(settings);
  std::vector<TokenLoss> losses(tokens.size());
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    TokenLoss& loss = losses[t];
    loss.ratio = std::exp(logs[t]);
    loss.importance = importance[t];
    const SurrogateLoss policy =
        settings.surrogate == Surrogate::kClip
            ? clipped_surrogate(settings, advantage, loss.ratio)
            : cispo_surrogate(settings, advantage, loss.ratio, tokens[t].logprob);
    loss.bound = policy.bound;
    loss.value = loss.importance * policy.value;
    loss.gradient = spread[t] * policy.gradient;
    if (with_kl) {
      const KlTerm kl = kl_term(settings.kl_estimator, tokens[t].logprob, tokens[t].reference);
      loss.kl = kl.value;
      loss.value += settings.beta * kl.value;
      loss.gradient += settings.beta * kl.gradient;
    }
    if (settings.entropy_coef > 0) {
      loss.value -= settings.entropy_coef * tokens[t].entropy;
      loss.entropy_gradient = -settings.entropy_coef;
    }
  }
  return losses;
}

}  // namespace cogent::trainer
