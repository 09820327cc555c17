#!/bin/bash
# A run that is killed at any moment continues by the same command to the same bits as a run that was not.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

# weights RUN: its newest weights as RUN-export/model.safetensors. Not in a subshell: complaints are counted.
weights() {
  rm -rf "$1-export"
  good export export "$1" --out "$1-export"
}
# compare RUN REFERENCE: the same final weights, the same steps once each, the same rollouts.
compare() {
  same "$1: steps" "$(column step "$1/metrics.jsonl" | xargs)" "1 2 3 4 5 6"
  same "$1: weights of each step" "$(column weights_xxh3 "$1/metrics.jsonl" | xargs)" "$(column weights_xxh3 "$2/metrics.jsonl" | xargs)"
  [[ ! -f $2/rollouts.jsonl && ! -d $2/rollouts ]] || holds "$1: recorded rollouts" diff -rq "$1/rollouts" "$2/rollouts"
  weights "$1"
  holds "$1: final weights" cmp "$1-export/model.safetensors" "$2-export/model.safetensors"
}
# resumes NAME STAGE RUN KEY...: the same command again continues at a step above 0 and ends well.
resumes() {
  local name=$1
  launch 2 "$@"
  same "$name: status of the resumed run" "$status" 0
  grep -qE 'continues behind step [1-9]' "$name.err" || complain "$name: did not continue: $(tail -n 3 "$name.err")"
}

good annotate annotate --teacher rationale --input "$quickstart/train.jsonl" --labels "$quickstart/labels.json" --output cot.jsonl

launch 2 reference grpo reference "${grpo_keys[@]}"
same "reference: status" "$status" 0
weights reference
compare reference reference

# Inside an update, a publication, a save, and between a complete save and its publication.
for fault in update:3 publish:4 checkpoint.write:4 checkpoint.rename:6; do
  name="grpo-${fault/:/-}"
  COGENT_FAULT=$fault launch 2 "$name" grpo "$name" "${grpo_keys[@]}"
  [[ $status -ne 0 ]] || complain "$name: the fault did not end the run"
  resumes "$name-again" grpo "$name" "${grpo_keys[@]}"
  compare "$name" reference
done

# interrupt NAME SIGNAL FILE STAGE KEY...: the signal hits a rank at a random moment after FILE is there. A run that ended before it is tried again.
interrupt() {
  local name=$1 signal=$2 file=$3 stage=$4 victim
  shift 4
  for attempt in 1 2 3; do
    rm -rf "$name"
    start 2 "$name" "$stage" "$name" "$@"
    until [[ -s $name/$file ]] || ! kill -0 "$job" 2>/dev/null; do sleep 0.02; done
    sleep "0.0$((RANDOM % 10))"
    victim=$(rank_pids "$name" | shuf -n 1)
    [[ -z $victim ]] || kill "-$signal" "$victim" 2>/dev/null
    await "$name"
    [[ $status -eq 0 ]] || return
  done
  complain "$name: three runs ended before the signal, the last in attempt $attempt"
}
interrupt grpo-kill KILL checkpoints/step-00000002/manifest.yaml grpo "${grpo_keys[@]}"
resumes grpo-kill-again grpo grpo-kill "${grpo_keys[@]}"
compare grpo-kill reference

interrupt grpo-term TERM metrics.jsonl grpo "${grpo_keys[@]}"
same "grpo-term: status" "$status" 85
same "grpo-term: error lines" "$(error_lines grpo-term)" 0
resumes grpo-term-again grpo grpo-term "${grpo_keys[@]}"
compare grpo-term reference

# With bfloat16 weights the float32 master is what is kept.
launch 2 rounded grpo rounded "${grpo_keys[@]}" model.weights=bfloat16
same "rounded: status" "$status" 0
weights rounded
COGENT_FAULT=update:4 launch 2 rounded-kill grpo rounded-kill "${grpo_keys[@]}" model.weights=bfloat16
[[ $status -ne 0 ]] || complain "rounded-kill: the fault did not end the run"
resumes rounded-kill-again grpo rounded-kill "${grpo_keys[@]}" model.weights=bfloat16
compare rounded-kill rounded

launch 2 sft-reference sft sft-reference "${sft_keys[@]}"
same "sft-reference: status" "$status" 0
weights sft-reference
COGENT_FAULT=update:3:1 launch 2 sft-kill sft sft-kill "${sft_keys[@]}"
[[ $status -ne 0 ]] || complain "sft-kill: the fault did not end the run"
resumes sft-kill-again sft sft-kill "${sft_keys[@]}"
compare sft-kill sft-reference

# Another number of learners takes the checkpoint over.
COGENT_FAULT=update:3 launch 3 reshard grpo reshard "${grpo_keys[@]}" cluster.learners=2
[[ $status -ne 0 ]] || complain "reshard: the fault did not end the run"
resumes reshard-again grpo reshard "${grpo_keys[@]}"
same "reshard: steps" "$(column step reshard/metrics.jsonl | xargs)" "1 2 3 4 5 6"
[[ $numerics == fast ]] || compare reshard reference
finish
