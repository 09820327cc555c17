#!/bin/bash
# LoRA through the real binary: sft and grpo train an adapter over frozen weights with the promises of full tuning, its files go to
# PEFT and back, and a base that changed is refused.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

good base export "$tiny_model" --out base
good annotate annotate --teacher rationale --input "$quickstart/train.jsonl" --labels "$quickstart/labels.json" --output cot.jsonl
lora=(model.path=base lora.rank=6 lora.alpha=12 optimizer.lr=1e-2)
sft=("${sft_keys[@]}" "${lora[@]}")
grpo=("${grpo_keys[@]}" "${lora[@]}" grpo.beta=0.04)

hashes() { column weights_xxh3 "$1/metrics.jsonl" | xargs; }
# adapter RUN: its newest adapter as a folder for PEFT. Not in a subshell: complaints are counted.
adapter() {
  rm -rf "$1-adapter"
  good adapter export "$1" --adapter --out "$1-adapter"
}
# resumes NAME RANKS STAGE RUN KEY...: the same command again continues behind a step and ends well.
resumes() {
  local name=$1 ranks=$2
  shift 2
  launch "$ranks" "$name" "$@"
  same "$name: status" "$status" 0
  holds "$name: continued" grep -qE 'continues behind step [1-9]' "$name.err"
}
# like RUN REFERENCE: the same steps and the same adapter, bit by bit.
like() {
  same "$1: steps" "$(column step "$1/metrics.jsonl" | xargs)" "$(column step "$2/metrics.jsonl" | xargs)"
  same "$1: adapter of each step" "$(hashes "$1")" "$(hashes "$2")"
  adapter "$1"
  holds "$1: final adapter" cmp "$1-adapter/adapter_model.safetensors" "$2-adapter/adapter_model.safetensors"
}

# sft: alone, by several learners, and killed in between.
good sft sft "${sft[@]}" run.dir=sft
same "sft: steps" "$(column step sft/metrics.jsonl | xargs)" "1 2 3 4 5 6"
same "sft: no two steps have the same adapter" "$(column weights_xxh3 sft/metrics.jsonl | sort -u | wc -l)" 6
adapter sft
if [[ $numerics == exact ]]; then
  for variant in "2 gradients full" "3 optimizer none" "2 parameters none" "3 parameters full"; do
    read -r learners shard recompute <<<"$variant"
    name="sft-$learners-$shard"
    launch "$learners" "$name" sft "$name" "${sft[@]}" "learner.shard=$shard" "learner.recompute=$recompute" \
      train.eval_every=4 train.eval_limit=4 "data.dev=$quickstart/dev.jsonl" evaluate.max_new_tokens=8
    same "$name: status" "$status" 0
    like "$name" sft
  done
  # Killed as 2 learners that shard the frozen weights, continued as 3 that do not, and the other way round.
  COGENT_FAULT=update:3 launch 2 sft-moved sft sft-moved "${sft[@]}" learner.shard=parameters
  [[ $status -ne 0 ]] || complain "sft-moved: the fault did not end the run"
  COGENT_FAULT=update:5 launch 3 sft-moved-again sft sft-moved "${sft[@]}" learner.shard=gradients
  [[ $status -ne 0 ]] || complain "sft-moved-again: the fault did not end the run"
  resumes sft-moved-back 2 sft sft-moved "${sft[@]}" learner.shard=parameters learner.prefetch=0
  like sft-moved sft
fi
COGENT_FAULT=update:3 run sft-killed sft "${sft[@]}" run.dir=sft-killed
[[ $status -ne 0 ]] || complain "sft-killed: the fault did not end the run"
resumes sft-again 1 sft sft-killed "${sft[@]}"
like sft-killed sft

# grpo: sampled with the bits of the learner, over the same base as the reference policy.
launch 2 grpo grpo grpo "${grpo[@]}"
same "grpo: status" "$status" 0
adapter grpo
[[ $(column kl grpo/metrics.jsonl | tail -n 1) =~ [1-9] ]] || complain "grpo: no KL to the base behind the last step"
if [[ $numerics == exact ]]; then
  same "grpo: ratios" "$(column ratio_max_deviation grpo/metrics.jsonl | sort -u | xargs | tr -d ' ')" 0
  launch 3 grpo-three grpo grpo-three "${grpo[@]}" cluster.learners=2 learner.shard=gradients
  like grpo-three grpo
  launch 3 grpo-parts grpo grpo-parts "${grpo[@]}" cluster.learners=2 learner.shard=parameters
  like grpo-parts grpo
  for shard in optimizer parameters; do
    launch 2 "grpo-both-$shard" grpo "grpo-both-$shard" "${grpo[@]}" cluster.placement=colocated cluster.learners=2 cluster.workers=2 \
      "learner.shard=$shard"
    like "grpo-both-$shard" grpo
  done
fi
for fault in update:3 publish:4 checkpoint.write:4; do
  name="grpo-${fault%%:*}"
  COGENT_FAULT=$fault launch 2 "$name" grpo "$name" "${grpo[@]}"
  [[ $status -ne 0 ]] || complain "$name: the fault did not end the run"
  resumes "$name-again" 2 grpo "$name" "${grpo[@]}"
  like "$name" grpo
  holds "$name: recorded rollouts" diff -rq "$name/rollouts" grpo/rollouts
done

# A checkpoint holds no frozen weight; as a model it is its base with the adapter merged in, and so is what is exported of it.
holds "no frozen weight in a checkpoint" test -z "$(grep -l embed_tokens grpo/checkpoints/step-*/manifest.yaml)"
good merged export grpo --out merged
good bfloat16 export grpo --adapter --dtype bfloat16 --out short-adapter
echo '{"ids":[5,9,200,31,7,7,90]}' >ids.jsonl
for model in grpo merged grpo-adapter base; do
  "$COGENT" logprobs --model "$model" <ids.jsonl >"$model.logprobs" || complain "logprobs --model $model"
done
holds "a checkpoint is its merged model" cmp grpo.logprobs merged.logprobs
holds "a PEFT folder is its merged model" cmp grpo-adapter.logprobs merged.logprobs
cmp -s base.logprobs merged.logprobs && complain "the merged model is the base"
good from-elsewhere tokenize --model grpo-adapter

# An adapter to start from: a PEFT folder and the run that it is of are the same.
for start in sft-adapter sft; do
  launch 2 "from-$start" grpo "from-$start" "${grpo_keys[@]}" model.path=base "lora.adapter=$start" train.steps=2 grpo.beta=0.04
  same "from-$start: status" "$status" 0
done
same "both starts" "$(hashes from-sft)" "$(hashes from-sft-adapter)"
[[ $numerics == fast ]] || same "from-sft: ratios" "$(column ratio_max_deviation from-sft/metrics.jsonl | sort -u | xargs | tr -d ' ')" 0

# Refusals.
run targets sft "${sft[@]}" run.dir=targets lora.targets=[query]
fails_with 2 targets 'lora.targets holds "query": name q_proj'
run other-rank sft "${sft_keys[@]}" model.path=base lora.adapter=sft-adapter lora.rank=4 run.dir=other-rank
fails_with 2 other-rank "lora.rank is not what lora.adapter, sft-adapter, has \(6\)"
run no-adapter export base --adapter --out nothing
fails_with 8 no-adapter "base is no checkpoint"
good full sft "${sft_keys[@]}" train.steps=1 run.dir=full
run full-adapter export full --adapter --out nothing
fails_with 8 full-adapter "is a checkpoint of all weights"

# The frozen weights are not in the checkpoint, and no others may take their place.
good other export "${tiny_model/seed=5/seed=6}" --out other
mv base kept && mv other base
launch 2 changed grpo grpo "${grpo[@]}"
same "changed: status" "$status" 4
holds "changed: sentence" grep -qE 'was trained over frozen weights with hash [0-9a-f]{16}, model.path now gives' changed.err
run changed-model logprobs --model grpo
fails_with 4 changed-model "the adapter of .* was trained over weights with hash"
finish
