#!/bin/bash
# Evaluation in the loop through the real binary: the loss on data.dev beside F1 or alone, the same for any number of learners and
# behind a resume, and the checkpoints that it chooses, which outlive the newest ones and are found by RUN/checkpoints/best.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

hashes() { column weights_xxh3 "$1/metrics.jsonl" | xargs; }
saved() { (cd "$1/checkpoints" && echo step-*) | sed 's/step-0*//g'; }  # RUN: the steps of all that stands, parts of a killed run too
# best RUN LAST lower|higher MEMBER: the version before LAST with the best value, the earlier of equal ones; version 0 is not saved.
best() {
  paste <(column step "$1/evaluations.jsonl") <(column "$4" "$1/evaluations.jsonl") |
    awk -v last="$2" -v sign="$([[ $3 == lower ]] && echo 1 || echo -1)" '
      $1 > 0 && $1 < last && (best == "" || sign * $2 < least) { best = $1; least = sign * $2 } END { print best }'
}

for split in train dev; do
  good "annotate-$split" annotate --teacher rationale --input "$quickstart/$split.jsonl" --labels "$quickstart/labels.json" --output "$split.jsonl"
done
# The rate rises until the loss does: the best version is in the middle.
keys=("${sft_keys[@]}" "data.train=$PWD/train.jsonl" "data.dev=$PWD/dev.jsonl" train.steps=8 train.eval_every=2 train.eval_limit=6
  evaluate.max_new_tokens=8 optimizer.lr=0.3 optimizer.warmup_ratio=1 checkpoint.every_steps=0)
kept=("${keys[@]}" train.eval=loss checkpoint.keep_last=1 checkpoint.keep_best=1)

# The loss alone: nothing is drawn.
good loss sft "${kept[@]}" run.dir=loss
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
    launch "$learners" "loss-$learners" sft "loss-$learners" "${kept[@]}" "learner.shard=$shard"
    same "loss-$learners: status" "$status" 0
    holds "loss-$learners: evaluations" cmp "loss-$learners/evaluations.jsonl" loss/evaluations.jsonl
  done
fi

# The best checkpoint stands beside the newest, also where the run was killed.
step=$(best loss 8 lower loss)
[[ $(best loss 9 lower loss) == "$step" ]] || complain "the last version is the best, so nothing is shown: $(column loss loss/evaluations.jsonl | xargs)"
same "loss: checkpoints" "$(saved loss)" "$step 8"
for fault in update:3 checkpoint.rename:4 checkpoint.prune:6 checkpoint.write:8; do
  name="killed-${fault/:/-}"
  COGENT_FAULT=$fault run "$name" sft "${kept[@]}" "run.dir=$name"
  [[ $status -ne 0 ]] || complain "$name: the fault did not end the run"
  good "$name-again" sft "${kept[@]}" "run.dir=$name"
  holds "$name: continued" grep -qE 'continues behind step [1-9]' "$name-again.err"
  holds "$name: evaluations" cmp "$name/evaluations.jsonl" loss/evaluations.jsonl
  same "$name: checkpoints" "$(saved "$name")" "$step 8"
done

# It is a model by its own name, and the report says where it is.
folder=$(printf 'step-%08d' "$step")
good named export "loss/checkpoints/$folder" --out named
good best export loss/checkpoints/best/ --out best
holds "the best checkpoint's weights" cmp best/model.safetensors named/model.safetensors
good report report loss
holds "report: where the best is" grep -q "^The best evaluated checkpoint of loss is loss/checkpoints/$folder\$" report.out
holds "report: its evaluation" grep -qE "^loss +dev, step $step \(best saved\)" report.out
run none export both/checkpoints/nonsense --out none
[[ $status -ne 0 ]] || complain "none: a path that is no model was exported"
good plain sft "${keys[@]}" train.steps=1 train.eval_every=0 run.dir=plain
run unknown export plain/checkpoints/best --out unknown
fails_with 4 unknown 'no valid checkpoint of plain was evaluated in the loop'

# grpo: the workers evaluate, by F1 alone. Random text has none, so that the earliest version stays the best.
grpo=("${grpo_keys[@]}" "data.dev=$PWD/dev.jsonl" train.eval_every=2 train.eval_limit=2 evaluate.max_new_tokens=8 checkpoint.every_steps=3
  checkpoint.keep_last=1 checkpoint.keep_best=1)
launch 2 grpo grpo grpo "${grpo[@]}"
same "grpo: status" "$status" 0
same "grpo: versions" "$(column step grpo/evaluations.jsonl | xargs)" "0 2 4 6"
same "grpo: lines with a loss" "$(column tokens grpo/evaluations.jsonl | wc -l)" 0
same "grpo: checkpoints" "$(saved grpo)" "$(best grpo 6 higher mean_f1) 6"
COGENT_FAULT=publish:5 launch 2 grpo-killed grpo grpo-killed "${grpo[@]}"
[[ $status -ne 0 ]] || complain "grpo-killed: the fault did not end the run"
launch 2 grpo-again grpo grpo-killed "${grpo[@]}"
same "grpo-again: status" "$status" 0
holds "grpo-again: evaluations" cmp grpo-killed/evaluations.jsonl grpo/evaluations.jsonl
same "grpo-again: checkpoints" "$(saved grpo-killed)" "$(saved grpo)"

# Development data that cannot be measured, and a loss that is of another task than the training's.
launch 2 absent sft absent "${keys[@]}" data.dev=absent.jsonl
fails_with 3 absent 'absent\.jsonl'
run short sft "${keys[@]}" train.eval=loss sft.max_length=1 run.dir=short
fails_with 3 short 'data\.train has [0-9]+ examples, none has a trained token left'
good chains sft "${keys[@]}" train.steps=1 train.eval=loss "data.dev=$quickstart/dev.jsonl" run.dir=chains
holds "chains: a warning" grep -q 'data.dev: 6 of 6 examples have no chain of thought' chains.err
finish
