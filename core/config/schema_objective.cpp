#include "core/config/schema_fields.hpp"

namespace cogent {

std::vector<Key> grpo_keys() {
  using G = GrpoSettings;
  return {
      {"grpo.loss", kArithmetic, at<&RunConfig::grpo, &G::loss>(), kAny,
       "What token losses are divided by: completion (grpo), tokens of the update (dapo and bnpo), "
       "completions times token budget (dr_grpo), or token budget alone (token_sum_norm)."},
      {"grpo.baseline", kArithmetic, at<&RunConfig::grpo, &G::baseline>(), kAny,
       "What is subtracted from a reward: the mean of its group, or of the others in its group."},
      {"grpo.scale_rewards", kArithmetic, at<&RunConfig::grpo, &G::scale_rewards>(), kAny,
       "Divide advantages by the standard deviation of the group's rewards, the batch's, or not."},
      {"grpo.scale_eps", kArithmetic, at<&RunConfig::grpo, &G::scale_eps>(), kFromZero,
       "Added to that standard deviation."},
      {"grpo.surrogate", kArithmetic, at<&RunConfig::grpo, &G::surrogate>(), kAny,
       "clip: the smaller of clipped and plain ratio times advantage; cispo: the clipped ratio as "
       "a "
       "constant weight of the log-probability."},
      {"grpo.ratio", kArithmetic, at<&RunConfig::grpo, &G::ratio>(), kAny,
       "Policy ratio of each token, or of the sequence: the geometric mean over its tokens "
       "(GSPO)."},
      {"grpo.clip_low", kArithmetic, at<&RunConfig::grpo, &G::clip_low>(), kShare,
       "The policy ratio is clipped below at 1 minus this."},
      {"grpo.clip_high", kArithmetic, at<&RunConfig::grpo, &G::clip_high>(), kFromZero,
       "The policy ratio is clipped above at 1 plus this."},
      {"grpo.delta", kArithmetic, at<&RunConfig::grpo, &G::delta>(), kFromZero,
       "Upper bound of the ratio where the advantage is negative, above 1 + grpo.clip_high; 0: "
       "off."},
      {"grpo.beta", kArithmetic, at<&RunConfig::grpo, &G::beta>(), kFromZero,
       "Weight of the KL term against the frozen starting model; 0: off."},
      {"grpo.kl_estimator", kArithmetic, at<&RunConfig::grpo, &G::kl_estimator>(), kAny,
       "Estimator of that KL from one drawn token: log ratio (k1), half its square (k2), or k3."},
      {"grpo.kl_in", kArithmetic, at<&RunConfig::grpo, &G::kl_in>(), kAny,
       "Add the KL term to each token's loss, or take its sum over a completion from the reward."},
      {"grpo.entropy_coef", kArithmetic, at<&RunConfig::grpo, &G::entropy_coef>(), kFromZero,
       "Weight of the entropy bonus; 0: off."},
      {"grpo.old_policy", kArithmetic, at<&RunConfig::grpo, &G::old_policy>(), kAny,
       "What the ratio is relative to: the policy that drew the tokens, or the weights that the "
       "step begins with (proximal: the learner computes their log-probabilities)."},
      {"grpo.importance", kArithmetic, at<&RunConfig::grpo, &G::importance>(), kAny,
       "Weight from behaviour to proximal policy, where grpo.old_policy is proximal: none, "
       "truncated to the two bounds, or 0 outside of them."},
      {"grpo.importance_level", kArithmetic, at<&RunConfig::grpo, &G::importance_level>(), kAny,
       "That weight is of each token, or the product over the sequence."},
      {"grpo.importance_floor", kArithmetic, at<&RunConfig::grpo, &G::importance_floor>(),
       kFromZero, "Lower bound of that weight."},
      {"grpo.importance_cap", kArithmetic, at<&RunConfig::grpo, &G::importance_cap>(), kFromZero,
       "Upper bound of that weight."},
      {"grpo.num_iterations", kArithmetic, at<&RunConfig::grpo, &G::num_iterations>(), kFromOne,
       "Passes over the completions of a step."},
      {"grpo.mini_batch_prompts", kArithmetic, at<&RunConfig::grpo, &G::mini_batch_prompts>(),
       kFromZero, "Prompts of an update; 0: all prompts of the step."},
      {"grpo.mask_truncated", kArithmetic, at<&RunConfig::grpo, &G::mask_truncated>(), kAny,
       "Leave completions that met rollout.max_new_tokens out of the loss."},
      {"grpo.dynamic_sampling", kArithmetic, at<&RunConfig::grpo, &G::dynamic_sampling>(), kAny,
       "Train on groups alone whose rewards differ, and draw further prompts in rounds until "
       "rollout.prompts_per_step such groups are there."},
      {"grpo.max_rounds",
       kArithmetic,
       at<&RunConfig::grpo, &G::max_rounds>(),
       {.min = 1, .max = 4096},
       "Rounds of a step at most, where grpo.dynamic_sampling is on; a step that is then short of "
       "groups trains on those that it has."},
      {"grpo.refill_prompts", kArithmetic, at<&RunConfig::grpo, &G::refill_prompts>(),
       kCountFromZero,
       "Prompts that each round behind a step's first one draws; 0: rollout.prompts_per_step."},
  };
}

std::vector<Key> reward_keys() {
  using R = RewardSettings;
  return {
      {"reward.f1", kArithmetic, at<&RunConfig::reward, &R::f1>(), kAny,
       "Weight of the entity F1."},
      {"reward.schema", kArithmetic, at<&RunConfig::reward, &R::schema>(), kAny,
       "Weight of the schema reward."},
      {"reward.length", kArithmetic, at<&RunConfig::reward, &R::length>(), kAny,
       "Weight of the text's length over eight bytes a token of rollout.max_new_tokens; for tests "
       "of the loop, since it varies on random text."},
      {"reward.overlong", kArithmetic, at<&RunConfig::reward, &R::overlong>(), kFromZero,
       "Weight of the soft overlong penalty, which falls from 0 to -1 over the last "
       "reward.overlong_buffer tokens of the budget; 0: off."},
      {"reward.overlong_buffer", kArithmetic, at<&RunConfig::reward, &R::overlong_buffer>(),
       kFromZero,
       "Tokens in front of rollout.max_new_tokens, or evaluate.max_new_tokens in an evaluation, "
       "over which that penalty falls."},
      {"reward.command", kArithmetic, at<&RunConfig::reward, &R::command>(), kAny,
       "Program and arguments of a reward in any language, which speaks JSON lines over standard "
       "input and output; empty: none."},
      {"reward.command_weight", kArithmetic, at<&RunConfig::reward, &R::command_weight>(), kAny,
       "Weight of that program's reward."},
      {"reward.command_deadline_seconds",
       kOperational,
       at<&RunConfig::reward, &R::command_deadline_seconds>(),
       {.min = 0.001, .max = 1e6},
       "Seconds that the program may take for a batch of completions before it is ended."},
  };
}

}  // namespace cogent
