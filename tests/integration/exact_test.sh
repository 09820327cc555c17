#!/bin/bash
# numerics: exact through the real binary: one recorded step sequence trained by 1, 2 and 3 learners, in every shard mode, gives the
# same weights behind every step; so does a run that changes both in the middle. And what cannot be exact is refused.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

if [[ $numerics != exact ]]; then
  run refused sft "${sft_keys[@]}" numerics=exact "data.train=$quickstart/train.jsonl" run.dir=refused
  fails_with 2 refused "numerics is exact, which needs a CPU with AVX2 and FMA"
  finish
fi
# hashes RUN: the weights behind each step.
hashes() { column weights_xxh3 "$1/metrics.jsonl" | xargs; }

launch 2 recorded grpo recorded "${grpo_keys[@]}" train.steps=4
same "recorded: status" "$status" 0
replay=("${grpo_keys[@]}" train.steps=4 rollout.record=false "rollout.replay=$PWD/recorded/rollouts" learner.micro_batch_tokens=200)
good alone grpo "${replay[@]}" cluster.learners=1 run.dir=alone

# With the micro-batches of the run that was recorded its log-probabilities are this one's. Another last digit of one of them shows
# in its step, and in none before.
same_cut=("${grpo_keys[@]}" train.steps=4 rollout.record=false cluster.learners=1)
good again grpo "${same_cut[@]}" run.dir=again "rollout.replay=$PWD/recorded/rollouts"
same "again: ratio_max_deviation" "$(column ratio_max_deviation again/metrics.jsonl | xargs)" "0 0 0 0"
same "again: weights of each step" "$(hashes again)" "$(hashes recorded)"
mkdir changed
awk '/"step":2,/ && !done && match($0, /"logprobs":\[-[0-9.]*/) {
       at = RSTART + RLENGTH - 1
       $0 = substr($0, 1, at - 1) (substr($0, at, 1) == "1" ? "2" : "1") substr($0, at + 1)
       done = 1
     } { print }' recorded/rollouts/rollouts.jsonl >changed/rollouts.jsonl
same "changed: lines that differ" "$(diff recorded/rollouts/rollouts.jsonl changed/rollouts.jsonl | grep -c '^>')" 1
good seen grpo "${same_cut[@]}" run.dir=seen "rollout.replay=$PWD/changed"
same "seen: first step that deviates" "$(column ratio_max_deviation seen/metrics.jsonl | awk '$1 > 0 { print NR }' | head -n 1)" 3

for variant in "2 gradients none 1" "3 parameters full 2" "2 parameters none 0" "3 optimizer full 1"; do
  read -r learners shard recompute prefetch <<<"$variant"
  name="grpo-$learners-$shard-$recompute"
  launch "$learners" "$name" grpo "$name" "${replay[@]}" "cluster.learners=$learners" "learner.shard=$shard" "learner.recompute=$recompute" \
    "learner.prefetch=$prefetch"
  same "$name: status" "$status" 0
  same "$name: weights of each step" "$(hashes "$name")" "$(hashes alone)"
done

# Killed as 2 learners, continued as 3 in another mode.
COGENT_FAULT=update:3 launch 2 moved grpo moved "${replay[@]}" cluster.learners=2 learner.shard=parameters
[[ $status -ne 0 ]] || complain "moved: the fault did not end the run"
launch 3 moved-again grpo moved "${replay[@]}" cluster.learners=3 learner.shard=gradients
same "moved-again: status" "$status" 0
holds "moved: continued" grep -qE 'continues behind step [1-9]' moved-again.err
same "moved: weights of each step" "$(hashes moved)" "$(hashes alone)"

# Learners that hold their own parts alone publish, sample and evaluate too.
sampled=("${grpo_keys[@]}" train.steps=2 train.eval_every=2 train.eval_limit=4 "data.dev=$quickstart/dev.jsonl" evaluate.max_new_tokens=8)
launch 3 whole grpo whole "${sampled[@]}" cluster.learners=2
launch 3 parts grpo parts "${sampled[@]}" cluster.learners=2 learner.shard=parameters
launch 2 both grpo both "${sampled[@]}" cluster.placement=colocated cluster.learners=2 cluster.workers=2 learner.shard=parameters
for name in whole parts both; do
  same "$name: steps" "$(column step "$name/metrics.jsonl" | xargs)" "1 2"
done
for name in parts both; do
  same "$name: weights of each step" "$(hashes "$name")" "$(hashes whole)"
  holds "$name: predictions" diff -r "$name/predictions" whole/predictions
done

# bfloat16 weights: the same for any cluster, and sampler and learner round alike.
rounded=("${sampled[@]}" model.weights=bfloat16)
launch 2 rounded grpo rounded "${rounded[@]}"
same "rounded: status" "$status" 0
[[ $(hashes rounded) != "$(hashes whole)" ]] || complain "rounded: the weights of a run in float32"
launch 4 rounded-parts grpo rounded-parts "${rounded[@]}" cluster.learners=2 cluster.workers=2 learner.shard=parameters
launch 2 rounded-both grpo rounded-both "${rounded[@]}" cluster.placement=colocated cluster.learners=2 cluster.workers=2 learner.shard=parameters
for name in rounded rounded-parts rounded-both; do
  same "$name: weights of each step" "$(hashes "$name")" "$(hashes rounded)"
  same "$name: ratio_max_deviation" "$(column ratio_max_deviation "$name/metrics.jsonl" | xargs)" "0 0"
  holds "$name: predictions" diff -r "$name/predictions" rounded/predictions
done

# An adapter over rounded frozen weights.
launch 2 adapter grpo adapter "${rounded[@]}" lora.rank=4
launch 4 adapters grpo adapters "${rounded[@]}" lora.rank=4 cluster.learners=2 cluster.workers=2 learner.shard=parameters
for name in adapter adapters; do
  same "$name: steps" "$(column step "$name/metrics.jsonl" | xargs)" "1 2"
  same "$name: ratio_max_deviation" "$(column ratio_max_deviation "$name/metrics.jsonl" | xargs)" "0 0"
done
same "adapters: weights of each step" "$(hashes adapters)" "$(hashes adapter)"

good annotate annotate --teacher rationale --input "$quickstart/train.jsonl" --labels "$quickstart/labels.json" --output cot.jsonl
good sft-alone sft "${sft_keys[@]}" train.steps=3 run.dir=sft-alone
for variant in "2 parameters" "3 gradients"; do
  read -r learners shard <<<"$variant"
  launch "$learners" "sft-$learners" sft "sft-$learners" "${sft_keys[@]}" train.steps=3 "learner.shard=$shard" train.eval_every=2 \
    train.eval_limit=4 "data.dev=$quickstart/dev.jsonl" evaluate.max_new_tokens=8
  same "sft-$learners: status" "$status" 0
  same "sft-$learners: weights of each step" "$(hashes "sft-$learners")" "$(hashes sft-alone)"
done
finish
