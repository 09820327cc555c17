#!/bin/bash
# The filters of docs/cli.md on a small random model: what goes in comes out as documented.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

# filter NAME LINES ARGUMENT...: a command that reads LINES and ends well.
filter() {
  local name=$1 lines=$2
  shift 2
  printf '%s\n' "$lines" | "$COGENT" "$@" >"$name.out" 2>"$name.err"
  status=$?
  [[ $status -eq 0 ]] || complain "$name: status $status: $(tail -n 3 "$name.err")"
}
different() { cmp -s "$2" "$3" && complain "$1"; }

# tokenize there and back
lines='{"text":"Oslo, 17 April: naïve 🚢 <|im_start|>"}
{"text":""}'
filter ids "$lines" tokenize --model "$tiny_model"
filter text "$(cat ids.out)" tokenize --model "$tiny_model" --decode
same "tokenize and back" "$(cat text.out)" "$lines"
filter special '{"text":"<|im_start|>"}' tokenize --model "$tiny_model" --parse-special
same "one special token" "$(cat special.out)" '{"ids":[1]}'

filter chat '{"messages":[{"role":"user","content":"Hello"}]}' chat --model "$tiny_model" --generation-prompt
same "chat: turns" "$(grep -o '<|im_start|>[a-z]*' chat.out | xargs)" "<|im_start|>system <|im_start|>user <|im_start|>assistant"

# logprobs: one number less than ids, none above 0
filter logprobs '{"ids":[1,504,905,42,7]}' logprobs --model "$tiny_model"
sed 's/.*\[//; s/\].*//' logprobs.out | tr ',' '\n' | awk '$1 > 0 { exit 1 } END { exit NR != 4 }' || complain "logprobs: $(cat logprobs.out)"

# generate: the seed decides
prompt='{"prompt":"The ship"}'
filter seed-1 "$prompt" generate --model "$tiny_model" --max-tokens 8 --seed 1 --n 3
filter seed-1-again "$prompt" generate --model "$tiny_model" --max-tokens 8 --seed 1 --n 3
filter seed-2 "$prompt" generate --model "$tiny_model" --max-tokens 8 --seed 2 --n 3
holds "generate: one seed, two results" cmp seed-1.out seed-1-again.out
different "generate: two seeds, one result" seed-1.out seed-2.out
same "generate: completions" "$(grep -o '"finish"' seed-1.out | wc -l)" 3
same "generate: distinct completions" "$(grep -o '"ids":\[[^]]*' seed-1.out | sort -u | wc -l)" 3

# generate: sampling options
filter options "$prompt" generate --model "$tiny_model" --max-tokens 8 --top-k 40 --top-p 0.9 --min-p 0.01 --repetition-penalty 1.3 --truncated-logprobs
same "generate: truncated log-probabilities" "$(sed 's/.*"truncated_logprobs":\[//; s/\].*//' options.out | tr ',' '\n' | wc -l)" 8
holds "generate: truncated log-probabilities only on request" test -z "$(grep truncated_logprobs seed-1.out)"
for bad in '--min-p 1.5' '--repetition-penalty 0'; do
  # shellcheck disable=SC2086
  run bad-option generate --model "$tiny_model" $bad
  fails_with 2 bad-option "E ${bad% *}"
done

# generate: a text to stop at, some letter of what was drawn
shown() { sed 's/.*"text":"//; s/","ids".*//' "$1"; }
filter free "$prompt" generate --model "$tiny_model" --max-tokens 24 --seed 1
letter=$(shown free.out | grep -o '[a-zA-Z]' | tail -n 1)
filter stop "$prompt" generate --model "$tiny_model" --max-tokens 24 --seed 1 --stop '~never~' --stop "$letter"
same "generate --stop: text" "$(shown stop.out)" "$(shown free.out | sed "s/$letter.*//")"
holds "generate --stop: finish" grep -q '"finish":"stop"' stop.out
run empty-stop generate --model "$tiny_model" --stop ''
fails_with 2 empty-stop 'stop text'

# score and reward: gold handed back as an answer is perfect
head -n 4 "$quickstart/test.jsonl" >gold.jsonl
sed 's/.*\("entities": \[.*\]\).*/{\1}/' gold.jsonl >predictions.jsonl
good score score --gold gold.jsonl --predictions predictions.jsonl --json
same "score" "$(column mean_f1 score.out)" 100
gold='{"sentence":"Ada sails.","schema":["person","port"],"entities":[{"text":"Ada","label":"person"}],"completion":'
filter reward "$gold"'"{\"entities\": {\"person\": [\"Ada\"]}}"}'$'\n'"$gold"'"no"}' reward
same "reward" "$(column reward reward.out | xargs)" "11 0"
same "parse" "$(column parse reward.out | xargs)" "ok not_json"

# a bad line: the end, or an error in its place
bad='{"text":"a"}
{"text":
{"text":"b"}'
printf '%s\n' "$bad" | "$COGENT" tokenize --model "$tiny_model" >halted.out 2>halted.err
status=$?
fails_with 3 halted 'line 2'
same "lines before the bad one" "$(wc -l <halted.out)" 1
filter going "$bad" tokenize --model "$tiny_model" --keep-going
same "lines with --keep-going" "$(cut -c1-6 going.out | xargs -d '\n')" '{"ids" {"erro {"ids"'
holds "--keep-going: the line's number" grep -q 'line 2' going.out

filter extract 'Ada sailed to Bergen.' extract --model "$tiny_model" --types person,port --cot --max-tokens 8
holds "extract: $(cat extract.out)" grep -q '"text":"Ada sailed to Bergen.".*"entities":\[' extract.out

# extract: plain text and JSON, in batches and line by line, and a bad line in the middle of a batch
lines='Ada sailed to Bergen.
{"text":"Bo met Ada.","types":["person"]}
{"text":"no types","types":[]}
Oslo is far.'
filter batch "$lines" extract --model "$tiny_model" --types person,port --max-tokens 8 --keep-going
filter single "$lines" extract --model "$tiny_model" --types person,port --max-tokens 8 --keep-going --batch 1
holds "extract: a batch changes the answers" cmp batch.out single.out
same "extract: members of the lines" "$(cut -c1-6 batch.out | xargs -d '\n')" '{"text {"text {"erro {"text'
printf '%s\n' "$lines" | "$COGENT" extract --model "$tiny_model" --types person --max-tokens 8 >halted.out 2>halted.err
status=$?
fails_with 3 halted 'line 3.*no entity types'
same "extract: lines before the bad one" "$(wc -l <halted.out)" 2

# extract: the keys of a run folder say how its model is prompted, so that it needs the run's template; options win
printf 'Types: {{schema}}\nText: {{sentence}}\n' >wording.txt
good annotate annotate --input "$quickstart/train.jsonl" --output cot.jsonl
launch 1 tuned sft tuned "${sft_keys[@]}" train.steps=2 prompt.template=wording.txt chat.template=own
same "sft: status" "$status" 0
extract() { printf 'Ada sailed to Bergen.\n' | "$COGENT" extract --types person --max-tokens 4 "${@:2}" >"$1.out" 2>"$1.err"; status=$?; }
mv wording.txt elsewhere.txt
cp -r tuned/checkpoints/step-00000002 apart
for model in tuned tuned/checkpoints/step-00000002; do
  extract of-run --model "$model"
  fails_with 2 of-run 'wording\.txt'
  extract by-option --model "$model" --template elsewhere.txt --chat-template reasoningner
  same "extract: status with another template" "$status" 0
done
extract apart --model apart
same "extract: status apart from the run" "$status" 0
mv elsewhere.txt wording.txt
extract of-run --model tuned
same "extract: status with the run's template" "$status" 0

# an exported model is the same model
good export export "$tiny_model" --out exported
filter exported-logprobs '{"ids":[1,504,905,42,7]}' logprobs --model exported
holds "export: other log-probabilities" cmp logprobs.out exported-logprobs.out

# with weights rounded in memory it is the model that is exported rounded
good export-rounded export "$tiny_model" --out rounded --dtype bfloat16
filter rounded-logprobs '{"ids":[1,504,905,42,7]}' logprobs --model rounded
filter weights-logprobs '{"ids":[1,504,905,42,7]}' logprobs --model "$tiny_model" --weights bfloat16
holds "logprobs --weights: other log-probabilities than the rounded export's" cmp rounded-logprobs.out weights-logprobs.out
different "logprobs --weights: no rounding" logprobs.out weights-logprobs.out
filter rounded-generate "$prompt" generate --model rounded --max-tokens 8 --n 3
filter weights-generate "$prompt" generate --model "$tiny_model" --weights bfloat16 --max-tokens 8 --n 3
holds "generate --weights: other draws than the rounded export's" cmp rounded-generate.out weights-generate.out
filter rounded-extract 'Ada sailed to Bergen.' extract --model rounded --types person --cot --max-tokens 8
filter weights-extract 'Ada sailed to Bergen.' extract --model "$tiny_model" --weights bfloat16 --types person --cot --max-tokens 8
holds "extract --weights: another answer than the rounded export's" cmp rounded-extract.out weights-extract.out
run bad-weights logprobs --model "$tiny_model" --weights int8
fails_with 2 bad-weights 'weights'

good config config print "$quickstart/grpo.yaml" train.steps=3
holds "config print" grep -q 'steps: 3' config.out
cp config.out complete.yaml
good config config print complete.yaml
holds "config print of what it printed" cmp config.out complete.yaml
good config config check "$quickstart/grpo.yaml" --stage grpo --world 2
run check config check "$quickstart/grpo.yaml" --stage grpo --world 3
fails_with 2 check 'cluster'
good config config explain grpo.beta
holds "config explain" grep -q 'grpo.beta' config.out
finish
