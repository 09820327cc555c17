#!/bin/bash
# Bad input ends a run with one sentence and the documented status (docs/cli.md), and leaves the last good checkpoint as it is.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

# refuses STATUS NAME TEXT KEY...: a GRPO run of two ranks that ends so.
refuses() {
  local expected=$1 name=$2 text=$3
  shift 3
  launch "${ranks:-2}" "$name" grpo "$name" "${grpo_keys[@]}" "$@"
  fails_with "$expected" "$name" "$text"
}
# flip FILE: its middle byte's lowest bit.
flip() {
  local middle byte
  middle=$(($(stat -c %s "$1") / 2))
  byte=$(od -An -tu1 -j "$middle" -N 1 "$1")
  printf '%b' "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$middle" conv=notrunc status=none
}
digest() { find "$1" -type f -exec sha256sum {} + | sort; }

refuses 8 missing-model 'absent\.gguf' model.path=absent.gguf

head -c 1000000 "$COGENT_MODEL" >cut.gguf
refuses 8 cut-model 'cut\.gguf' model.path=cut.gguf

good export export "$tiny_model" --out no-merges
sed -i 's/"merges"/"nomerges"/' no-merges/tokenizer.json
refuses 8 no-merges 'merges' model.path=no-merges

refuses 2 typo 'group_size' rollout.group_sice=4

head -n 3 "$quickstart/train.jsonl" | head -c -40 >half.jsonl
refuses 3 half-line 'half\.jsonl.* 3' data.train=half.jsonl

ranks=3 refuses 2 world-size '3'

# Before the first step, whichever step would have drawn it.
refuses 3 long-prompt 'prompt of row [0-9]+ has [0-9]+ tokens, rollout.max_prompt_tokens is 80' rollout.max_prompt_tokens=80
refuses 3 few-positions 'prompt of row 0 has [0-9]+ tokens, .* positions' rollout.max_new_tokens=9999999

# A run with two checkpoints, of steps 2 and 4.
two=("${grpo_keys[@]}" train.steps=4 checkpoint.keep_last=2)
launch 2 first grpo run "${two[@]}"
same "first: status" "$status" 0
flip run/checkpoints/step-00000004/learner-0000.h5
before=$(digest run/checkpoints/step-00000002)
cp -r run both-flipped

launch 2 older grpo run "${two[@]}"
same "older: status" "$status" 0
holds "older: did not continue behind step 2" grep -q 'continues behind step 2' older.err
same "older: the good checkpoint" "$(digest run/checkpoints/step-00000002)" "$before"
same "older: steps" "$(column step run/metrics.jsonl | xargs)" "1 2 3 4"

flip both-flipped/checkpoints/step-00000002/learner-0000.h5
launch 2 none-good grpo both-flipped "${two[@]}"
fails_with 4 none-good 'step-0000000|valid'

# Nothing but the checkpoints is left of a run: its settings are still known.
cp -r run moved
rm moved/config.yaml
ranks=3 refuses 4 moved 'settings of digest' train.steps=4 cluster.learners=2 optimizer.lr=2e-3

# Another template under the path of the first.
cp "$COGENT_SOURCE_DIR"/configs/prompts/reasoning.txt template.txt
launch 2 template grpo template "${two[@]}" "prompt.template=$PWD/template.txt"
same "template: status" "$status" 0
rm -r template/checkpoints/step-00000004
echo "Be brief." >>template.txt
launch 2 template-again grpo template "${two[@]}" "prompt.template=$PWD/template.txt"
fails_with 4 template-again 'on tokens with digest'

# Other weights under the path that the reference policy is read from.
good source export "$tiny_model" --out source
launch 2 begun grpo begun "${two[@]}" "model.path=$PWD/source"
same "begun: status" "$status" 0
rm -r source begun/checkpoints/step-00000004
good other-source export "${tiny_model/seed=5/seed=6}" --out source
launch 2 begun-again grpo begun "${two[@]}" "model.path=$PWD/source"
fails_with 4 begun-again 'reference policy with hash'
finish
