#!/bin/bash
# grpo.dynamic_sampling through the real binary: a step is filled up in rounds with groups whose rewards differ; what it trains on does not
# depend on learners, workers or a kill between two rounds; a recorded run is replayed, also over a step that found no group.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

# Texts of one token, two a group: about half of the groups have equal rewards.
rounds=("${grpo_keys[@]}" rollout.group_size=2 rollout.max_new_tokens=1 reward.f1=0 reward.schema=0 "grpo.dynamic_sampling=true"
  grpo.refill_prompts=2 train.steps=4 grpo.beta=0)
# hashes RUN: the weights behind each step.
hashes() { column weights_xxh3 "$1/metrics.jsonl" | xargs; }
# sum NAME RUN: of a member of the metrics.
sum() { column "$1" "$2/metrics.jsonl" | awk '{ total += $1 } END { print total }'; }
# as_reference RUN
as_reference() {
  same "$1: steps" "$(column step "$1/metrics.jsonl" | xargs)" "1 2 3 4"
  same "$1: weights of each step" "$(hashes "$1")" "$(hashes reference)"
  for name in rounds candidates dropped_groups surplus_groups candidate_reward zero_variance reward sampled_tokens; do
    same "$1: $name" "$(column "$name" "$1/metrics.jsonl" | xargs)" "$(column "$name" reference/metrics.jsonl | xargs)"
  done
  holds "$1: rollouts" cmp "$1/rollouts/rollouts.jsonl" reference/rollouts/rollouts.jsonl
}

launch 2 reference grpo reference "${rounds[@]}"
same "reference: status" "$status" 0
same "reference: groups of each step" "$(column step reference/rollouts/rollouts.jsonl | uniq -c | xargs)" "4 0 4 1 4 2 4 3"
[[ $(sum rounds reference) -gt 4 ]] || complain "reference: hardly a step needed a second round: $(column rounds reference/metrics.jsonl | xargs)"
same "reference: candidates" "$(sum candidates reference)" "$(($(sum dropped_groups reference) + $(sum surplus_groups reference) + 16))"
same "reference: tokens, one a completion" "$(sum sampled_tokens reference)" "$(($(sum candidates reference) * 2))"
grep -q '"round":[1-9]' reference/rollouts/rollouts.jsonl || complain "reference: no group of a later round"
# No group has two equal rewards, no row stands in a step twice.
same "reference: groups of equal rewards" "$(grep -cE '"reward":([0-9.]+),.*"reward":\1[,}]' reference/rollouts/rollouts.jsonl)" 0
same "reference: rows in a step" "$(sed -E 's/"round":[0-9]*,//; s/,"prompt_ids.*//' reference/rollouts/rollouts.jsonl | sort | uniq -d | wc -l)" 0

for world in "1 2" "2 1" "2 3"; do
  read -r learners workers <<<"$world"
  name="world-$learners-$workers"
  [[ $learners -eq 1 || $numerics == exact ]] || continue
  launch $((learners + workers)) "$name" grpo "$name" "${rounds[@]}" "cluster.learners=$learners" "cluster.workers=$workers"
  same "$name: status" "$status" 0
  as_reference "$name"
done
if [[ $numerics == exact ]]; then
  launch 2 both grpo both "${rounds[@]}" cluster.placement=colocated cluster.learners=2 cluster.workers=2 learner.shard=parameters
  same "both: status" "$status" 0
  as_reference both
fi

# The last step with a second round is killed in front of it.
last=$(column rounds reference/metrics.jsonl | awk '$1 > 1 { step = NR - 1 } END { print step }')
COGENT_FAULT=round:$last launch 2 killed grpo killed "${rounds[@]}" checkpoint.every_steps=1
[[ $status -ne 0 ]] || complain "killed: the fault did not end the run"
launch 2 killed-again grpo killed "${rounds[@]}" checkpoint.every_steps=1
same "killed-again: status" "$status" 0
[[ $last -eq 0 ]] || holds "killed: continued" grep -q "continues behind step $last " killed-again.err
as_reference killed

good replay grpo "${rounds[@]}" rollout.record=false "rollout.replay=$PWD/reference/rollouts" cluster.learners=1 run.dir=replay
same "replay: weights of each step" "$(hashes replay)" "$(hashes reference)"
same "replay: drawn tokens" "$(column sampled_tokens replay/metrics.jsonl)" ""

# Rounds that run out: steps of fewer groups, with fewer mini-batches, and the learning rate where it would be.
short=("${rounds[@]}" grpo.max_rounds=1 grpo.mini_batch_prompts=1 optimizer.schedule=linear)
launch 2 short grpo short "${short[@]}"
same "short: status" "$status" 0
same "short: rounds" "$(column rounds short/metrics.jsonl | xargs)" "1 1 1 1"
same "short: updates" "$(sum updates short)" "$((16 - $(sum dropped_groups short)))"
[[ $(sum dropped_groups short) -gt 0 ]] || complain "short: every group was kept"
grep -q 'rewards that differ, 4 are wanted: the step trains on these' short.err || complain "short: the log does not say so"
good short-replay grpo "${short[@]}" rollout.record=false "rollout.replay=$PWD/short/rollouts" cluster.learners=1 run.dir=short-replay
same "short-replay: weights of each step" "$(hashes short-replay)" "$(hashes short)"
same "short-replay: learning rates" "$(column lr short-replay/metrics.jsonl | xargs)" "$(column lr short/metrics.jsonl | xargs)"

# Rewards that never differ: no update, whose weights are those of the start, and the data end before the rounds do.
head -n 9 "$quickstart/train.jsonl" >nine.jsonl
none=("${rounds[@]}" reward.length=0 train.steps=2 grpo.kl_in=reward grpo.beta=0.1 data.train=nine.jsonl)
launch 2 none grpo none "${none[@]}"
same "none: status" "$status" 0
same "none: updates" "$(column updates none/metrics.jsonl | xargs)" "0 0"
same "none: candidates" "$(column candidates none/metrics.jsonl | xargs)" "9 9"
same "none: rounds" "$(column rounds none/metrics.jsonl | xargs)" "4 4"
same "none: rewards" "$(column reward none/metrics.jsonl | xargs)" "null null"
same "none: weights" "$(column weights_xxh3 none/metrics.jsonl | uniq | wc -l)" 1
same "none: records" "$(xargs -d '\n' <none/rollouts/rollouts.jsonl)" '{"step":0,"empty":true} {"step":1,"empty":true}'
grep -q '0 have rewards that differ, 4 are wanted: no update' none.err || complain "none: the log does not say so"
good none-replay grpo "${none[@]}" rollout.record=false "rollout.replay=$PWD/none/rollouts" cluster.learners=1 run.dir=none-replay
same "none-replay: weights" "$(hashes none-replay)" "$(hashes none)"
finish
