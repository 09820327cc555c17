#!/bin/bash
# cogent plan through the real binary: what it says a rank takes beyond its runtime is what the rank really takes, within 15 %, and it
# refuses what the run refuses.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

# About 45 MB of weights, most of them the embedding: enough to see beside what libraries take.
model="random:hidden=192,layers=6,heads=6,kv_heads=2,head_dim=32,intermediate=512,seed=5,tokenizer=$COGENT_MODEL"
good annotate annotate --teacher rationale --input "$quickstart/train.jsonl" --labels "$quickstart/labels.json" --output cot.jsonl
keys=("$quickstart/sft.yaml" "model.path=$model" "data.train=$PWD/cot.jsonl" train.steps=2 sft.batch_size=8 cluster.threads=1
  learner.micro_batch_tokens=1024 "numerics=$numerics")

# member NAME FILE: a number of the plan, the first of this name.
member() { grep -o "\"$1\":[0-9]*" "$2" | head -n 1 | cut -d: -f2; }
# peak PATTERN: bytes of the largest peak of the processes whose command line matches, watched until all are gone.
peak() {
  local most=0 kilobytes pid
  for _ in {1..100}; do pgrep -f "$1" >/dev/null && break; sleep 0.02; done
  while pgrep -f "$1" >/dev/null; do
    for pid in $(pgrep -f "$1"); do
      kilobytes=$(awk '/VmHWM/ {print $2}' "/proc/$pid/status" 2>/dev/null)
      [[ ${kilobytes:-0} -gt $most ]] && most=$kilobytes
    done
    sleep 0.02
  done
  echo $((most * 1024))
}
# compare NAME STAGE RANKS KEY...; the measured peak stands in NAME.peak then.
compare() {
  local name=$1 stage=$2 ranks=$3 measured planned runtime
  shift 3
  good "$name-plan" plan --stage "$stage" -n "$ranks" --json "$@" "run.dir=$name"
  mpirun -n "$ranks" "$COGENT" "$stage" "$@" "run.dir=$name" >"$name.out" 2>"$name.err" </dev/null &
  measured=$(peak "^$COGENT $stage .*run.dir=$name\$")
  wait $! || complain "$name: status $?: $(tail -n 3 "$name.err")"
  echo "$measured" >"$name.peak"
  planned=$(member peak_bytes "$name-plan.out")
  runtime=$(member runtime "$name-plan.out")
  echo "$name: planned $((planned / 1000000)) MB, measured $((measured / 1000000)) MB, runtime $((runtime / 1000000)) MB"
  awk -v p=$((planned - runtime)) -v m=$((measured - runtime)) 'BEGIN { exit !(p > 0.85 * m && p < 1.15 * m) }' ||
    complain "$name: planned $planned bytes, measured $measured, of which the runtime is $runtime"
}

compare alone sft 1 "${keys[@]}"
compare recompute sft 1 "${keys[@]}" learner.recompute=full
compare fast sft 1 "${keys[@]}" numerics=fast
for shard in optimizer gradients parameters; do
  compare "$shard" sft 2 "${keys[@]}" "learner.shard=$shard"
done
compare rounded sft 1 "${keys[@]}" model.weights=bfloat16
compare mixed sft 1 "${keys[@]}" numerics=fast model.compute=bfloat16
compare mixed-recompute sft 1 "${keys[@]}" numerics=fast model.compute=bfloat16 learner.recompute=full
compare lora sft 1 "${keys[@]}" lora.rank=8 optimizer.lr=1e-3
compare lora-parameters sft 2 "${keys[@]}" lora.rank=8 optimizer.lr=1e-3 learner.shard=parameters
grpo=("$quickstart/grpo.yaml" "model.path=$model" "data.train=$quickstart/train.jsonl" train.steps=2 rollout.prompts_per_step=4
  rollout.group_size=4 rollout.max_new_tokens=48 reward.length=1 learner.micro_batch_tokens=1024 cluster.threads=1 "numerics=$numerics")
compare grpo grpo 2 "${grpo[@]}"
compare mixed-grpo grpo 2 "${grpo[@]}" numerics=fast model.compute=bfloat16

# Under `parameters` a reference policy costs each of two learners half of itself and what scoring leaves in the heap, not all of itself.
halves=("${grpo[@]}" cluster.learners=2 learner.shard=parameters)
compare reference grpo 3 "${halves[@]}" grpo.beta=0.04
compare no-reference grpo 3 "${halves[@]}" grpo.beta=0
reference=$((4 * $(member parameters reference-plan.out)))
difference=$(($(cat reference.peak) - $(cat no-reference.peak)))
[[ $difference -gt $((reference / 4)) && $difference -lt $((reference * 7 / 8)) ]] ||
  complain "a reference policy of $reference bytes costs each of two learners $difference"

# Counts that can be told ahead.
parameters=$(member parameters alone-plan.out)
same "a checkpoint's bytes" "$(member checkpoint_bytes alone-plan.out)" $((12 * parameters))
same "bytes that one learner sends" "$(member reduction_bytes alone-plan.out)" 0
for type in float32 bfloat16; do
  good "wire-$type" plan --stage sft -n 2 --json "${keys[@]}" numerics=fast "learner.reduce=$type" run.dir=wire
done
same "bytes that bfloat16 saves of a gradient's, half of which each of 2 learners sends" \
  $(($(member reduction_bytes wire-float32.out) - $(member reduction_bytes wire-bfloat16.out))) "$parameters"
same "steps" "$(member steps alone-plan.out)" 2
same "weights that a worker receives" "$(member publication_bytes grpo-plan.out)" $((4 * parameters))
same "rounded weights that a worker receives" "$(member publication_bytes mixed-grpo-plan.out)" $((2 * parameters))
run text plan "${grpo[@]}" run.dir=text
holds "the text names both roles" grep -q "^worker (1 rank)" text.out

# cluster.threads 0 is planned with the threads that the run takes: a learner and a worker that take turns have all cores each.
for threads in 0 1 "$(nproc)"; do
  good "threads-$threads" plan "${grpo[@]}" run.dir=threads --json "cluster.threads=$threads"
done
logits() { member 'logits and sampling' "threads-$1.out"; }
same "threads of the host" "$(logits 0)" "$(logits "$(nproc)")"
[[ $(nproc) -eq 1 || $(logits 0) -gt $(logits 1) ]] || complain "no part of the plan depends on the threads"

# What the run refuses, with its status and sentence.
run world plan "${grpo[@]}" run.dir=world -n 5
fails_with 2 world "the world has 5 ranks"
run data plan --stage sft "${keys[@]}" data.train=absent.jsonl run.dir=data
fails_with 3 data "absent.jsonl"
run prompts plan "${grpo[@]}" rollout.max_prompt_tokens=20 run.dir=prompts
fails_with 3 prompts "rollout.max_prompt_tokens is 20"
finish
