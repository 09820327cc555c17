#!/bin/bash
# What a command writes is whole or refused: a full disk and a bad line cost neither a status of 0 nor an earlier result.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

full() {  # NAME ARGUMENT...: cogent with standard output on a full disk
  local name=$1
  shift
  "$COGENT" "$@" >/dev/full 2>"$name.err" </dev/null
  status=$?
  fails_with 3 "$name" 'standard output cannot be written'
}
head -n 4 "$quickstart/test.jsonl" >gold.jsonl
sed 's/.*\("entities": \[.*\]\).*/{\1}/' gold.jsonl >predictions.jsonl
full score-full score --gold gold.jsonl --predictions predictions.jsonl
full config-full config print
full explain-full config explain --all
full plan-full plan "$quickstart/sft.yaml" "model.path=$tiny_model" "data.train=$quickstart/train.jsonl" --stage sft
full annotate-full annotate --input gold.jsonl
full help-full --help

# annotate: fewer bytes than a stream's buffer reach a full disk
printf '%s\n' '{"sentence":"Ada sails.","schema":["person"],"entities":[{"text":"Ada","label":"person"}],"cot":"no.","source":"s"}' >gated.jsonl
run output-full annotate --input gold.jsonl --output /dev/full
fails_with 3 output-full '/dev/full cannot be written'
run rejected-full annotate --input gated.jsonl --output kept.jsonl --rejected /dev/full
fails_with 3 rejected-full '/dev/full cannot be written'

# annotate: input and output of one name, and a bad line
cp gold.jsonl same.jsonl
good annotate annotate --input gold.jsonl --output apart.jsonl
good annotate annotate --input same.jsonl --output same.jsonl
holds "annotate: another result where input and output are one file" cmp apart.jsonl same.jsonl
{ head -n 1 gold.jsonl; echo '{"sentence":'; } >bad.jsonl
run bad-line annotate --input bad.jsonl --output same.jsonl
fails_with 3 bad-line 'bad\.jsonl.* 2'
holds "annotate: a bad line took the earlier result" cmp apart.jsonl same.jsonl
same "annotate: files left over" "$(ls | grep -c partial)" 0
run one-file annotate --input gold.jsonl --output same.jsonl --rejected ./same.jsonl
fails_with 2 one-file 'annotate.rejected'

# filters: the same, and the lines before a bad one are kept
reward_line='{"sentence":"Ada sails.","schema":["person"],"entities":[],"completion":"no"}'
printf '%s\n' "$reward_line" "$reward_line" >lines.jsonl
cp lines.jsonl once.jsonl
good reward reward --input lines.jsonl
good in-place reward --input once.jsonl --output once.jsonl
holds "reward: another result where input and output are one file" cmp reward.out once.jsonl
printf '%s\n' "$reward_line" '{' >lines.jsonl
run bad-reward reward --input lines.jsonl --output once.jsonl
fails_with 3 bad-reward 'line 2'
holds "reward: a bad line took the earlier result" cmp reward.out once.jsonl
same "reward: lines before the bad one" "$(wc -l <once.jsonl.partial)" 1
finish
