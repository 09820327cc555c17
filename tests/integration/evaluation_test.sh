#!/bin/bash
# Evaluation in the loop through the real binary: the loss on data.dev beside F1 or alone, the same for any number of learners and
# behind a resume.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

hashes() { column weights_xxh3 "$1/metrics.jsonl" | xargs; }

for split in train dev; do
  good "annotate-$split" annotate --teacher rationale --input "$quickstart/$split.jsonl" --labels "$quickstart/labels.json" --output "$split.jsonl"
done
keys=("${sft_keys[@]}" "data.train=$PWD/train.jsonl" "data.dev=$PWD/dev.jsonl" train.steps=8 train.eval_every=2 train.eval_limit=6
  evaluate.max_new_tokens=8 optimizer.lr=0.3 optimizer.warmup_ratio=1)

# The loss alone: nothing is drawn.
good loss sft "${keys[@]}" train.eval=loss run.dir=loss
same "loss: versions" "$(column step loss/evaluations.jsonl | xargs)" "0 2 4 6 8"
same "loss: members of a line" "$(sed -E 's/:[^,}]*//g' loss/evaluations.jsonl | sort -u)" '{"step","loss","tokens"}'
same "loss: different losses" "$(column loss loss/evaluations.jsonl | sort -u | wc -l)" 5
same "loss: predictions" "$(ls loss/predictions | wc -l)" 0
holds "loss: its line in the log" grep -qE 'evaluation of version 2: loss [0-9.]+ over [0-9]+ tokens$' loss.err

# What else is measured changes neither the losses nor the run.
for measure in f1 both; do
  good "$measure" sft "${keys[@]}" "train.eval=$measure" run.dir="$measure"
  same "$measure: weights of each step" "$(hashes "$measure")" "$(hashes loss)"
  same "$measure: lines with F1" "$(column mean_f1 "$measure/evaluations.jsonl" | wc -l)" 5
  same "$measure: predictions" "$(ls "$measure/predictions" | wc -l)" 5
done
same "f1: losses" "$(column tokens f1/evaluations.jsonl | wc -l)" 0
same "both: losses" "$(column loss both/evaluations.jsonl | xargs)" "$(column loss loss/evaluations.jsonl | xargs)"

# Any number of learners and any shard mode.
if [[ $numerics == exact ]]; then
  for variant in "2 parameters" "3 gradients"; do
    read -r learners shard <<<"$variant"
    launch "$learners" "loss-$learners" sft "loss-$learners" "${keys[@]}" train.eval=loss "learner.shard=$shard"
    same "loss-$learners: status" "$status" 0
    holds "loss-$learners: evaluations" cmp "loss-$learners/evaluations.jsonl" loss/evaluations.jsonl
  done
fi

# A run that was killed has each version once, with the same loss.
for fault in update:3 checkpoint.rename:4 checkpoint.write:8; do
  name="killed-${fault/:/-}"
  COGENT_FAULT=$fault run "$name" sft "${keys[@]}" train.eval=loss "run.dir=$name"
  [[ $status -ne 0 ]] || complain "$name: the fault did not end the run"
  good "$name-again" sft "${keys[@]}" train.eval=loss "run.dir=$name"
  holds "$name: continued" grep -qE 'continues behind step [1-9]' "$name-again.err"
  holds "$name: evaluations" cmp "$name/evaluations.jsonl" loss/evaluations.jsonl
done

# grpo: the workers evaluate, by F1 alone.
grpo=("${grpo_keys[@]}" "data.dev=$PWD/dev.jsonl" train.eval_every=2 train.eval_limit=2 evaluate.max_new_tokens=8)
launch 2 grpo grpo grpo "${grpo[@]}"
same "grpo: status" "$status" 0
same "grpo: versions" "$(column step grpo/evaluations.jsonl | xargs)" "0 2 4 6"
same "grpo: lines with a loss" "$(column tokens grpo/evaluations.jsonl | wc -l)" 0
COGENT_FAULT=publish:5 launch 2 grpo-killed grpo grpo-killed "${grpo[@]}"
[[ $status -ne 0 ]] || complain "grpo-killed: the fault did not end the run"
launch 2 grpo-again grpo grpo-killed "${grpo[@]}"
same "grpo-again: status" "$status" 0
holds "grpo-again: evaluations" cmp grpo-killed/evaluations.jsonl grpo/evaluations.jsonl

# Development data that cannot be measured, and a loss that is of another task than the training's.
launch 2 absent sft absent "${keys[@]}" data.dev=absent.jsonl
fails_with 3 absent 'absent\.jsonl'
run short sft "${keys[@]}" train.eval=loss sft.max_length=1 run.dir=short
fails_with 3 short 'data\.train has [0-9]+ examples, none has a trained token left'
good chains sft "${keys[@]}" train.steps=1 train.eval=loss "data.dev=$quickstart/dev.jsonl" run.dir=chains
holds "chains: a warning" grep -q 'data.dev: 6 of 6 examples have no chain of thought' chains.err
finish
