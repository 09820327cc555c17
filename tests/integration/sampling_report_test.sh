#!/bin/bash
# What the sampler did is told: in the metrics of GRPO, behind evaluate, in reports and logs; and a KV cache too small is refused at the start.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

members="sampled_tokens sampling_tokens_per_second drafted_tokens draft_acceptance preemptions recomputed_rows kv_pages_peak kv_pages"
# tells WHAT FILE: every member stands in each line.
tells() {
  local member
  for member in $members; do
    same "$1: lines with $member" "$(grep -c "\"$member\":" "$2")" "$(wc -l <"$2")"
  done
}
# sum NAME RUN: of a member of the metrics.
sum() { column "$1" "$2/metrics.jsonl" | awk '{ total += $1 } END { print total + 0 }'; }

# Few sequences a worker, so that drafts are tried, and many tokens, so that pages run out where they are bounded.
steps=("${grpo_keys[@]}" train.steps=2 rollout.max_new_tokens=160 rollout.prompts_per_step=2)
launch 2 one grpo one "${steps[@]}"
same "one: status" "$status" 0
tells one one/metrics.jsonl
same "one: lines of the worker's log" "$(grep -c 'tokens drawn in' one/log/rank-1.log)" 2
lengths=$(column completion_length one/metrics.jsonl | awk '{ total += 8 * $1 } END { print total }')
same "one: sampled tokens" "$(sum sampled_tokens one)" "$lengths"
same "one: preemptions" "$(sum preemptions one)" 0

launch 3 two grpo two "${steps[@]}" cluster.workers=2
same "two: status" "$status" 0
tells two two/metrics.jsonl
same "two: sampled tokens" "$(sum sampled_tokens two)" "$lengths"
same "two: weights" "$(column weights_xxh3 two/metrics.jsonl | xargs)" "$(column weights_xxh3 one/metrics.jsonl | xargs)"

# Keys and values of 16 tokens, a page, take 256 kB in this model.
wide="random:hidden=48,layers=4,heads=8,kv_heads=8,head_dim=64,intermediate=96,seed=5,tokenizer=$COGENT_MODEL"
launch 2 tight grpo tight "${steps[@]}" "model.path=$wide" rollout.kv_cache_mb=10
same "tight: status" "$status" 0
[[ $(sum preemptions tight) -gt 0 && $(sum recomputed_rows tight) -gt 0 ]] ||
  complain "tight: preemptions $(sum preemptions tight), recomputed rows $(sum recomputed_rows tight)"
same "tight: pages" "$(column kv_pages tight/metrics.jsonl | xargs)" "40 40"
column kv_pages_peak tight/metrics.jsonl | awk '$1 < 20 || $1 > 40 { exit 1 }' || complain "tight: $(column kv_pages_peak tight/metrics.jsonl | xargs) pages in use"

# A cache that cannot hold one completion: both numbers, before the first step.
launch 2 refused grpo refused "${steps[@]}" "model.path=$wide" rollout.kv_cache_mb=2
fails_with 2 refused 'rollout.kv_cache_mb is 2 .* data.train .* rollout.max_new_tokens is 160'
holds "refused: a step was made" test ! -s refused/metrics.jsonl
run refused-plan plan --stage grpo -n 2 "${steps[@]}" "model.path=$wide" rollout.kv_cache_mb=2 run.dir=refused
fails_with 2 refused-plan 'rollout.kv_cache_mb is 2 '
needed=$(grep -oE 'raise rollout.kv_cache_mb to [0-9]+' refused.err | grep -oE '[0-9]+')
launch 2 enough grpo enough "${steps[@]}" "model.path=$wide" "rollout.kv_cache_mb=$needed" train.steps=1
same "enough: status" "$status" 0
run refused-evaluate evaluate "$quickstart/evaluate.yaml" "model.path=$wide" "data.test=$quickstart/test.jsonl" run.dir=refused-evaluate \
  rollout.kv_cache_mb=2
fails_with 2 refused-evaluate 'rollout.kv_cache_mb is 2 .* data.test .* evaluate.max_new_tokens is 128'
good annotate annotate --teacher rationale --input "$quickstart/train.jsonl" --labels "$quickstart/labels.json" --output cot.jsonl
run refused-sft sft "${sft_keys[@]}" "model.path=$wide" rollout.kv_cache_mb=2 train.eval_every=5 "data.dev=$quickstart/dev.jsonl" run.dir=refused-sft
fails_with 2 refused-sft 'rollout.kv_cache_mb is 2 .* data.dev .* evaluate.max_new_tokens'

# evaluate: what was measured is the same bytes for any ranks; how it was drawn stands beside it.
keys=("$quickstart/evaluate.yaml" "model.path=$tiny_model" "data.test=$quickstart/test.jsonl" evaluate.max_new_tokens=24 cluster.threads=1)
good alone evaluate "${keys[@]}" run.dir=alone
launch 2 shared evaluate shared "${keys[@]}" --json
same "shared: status" "$status" 0
holds "evaluate: the same measure" cmp alone/evaluation.json shared/evaluation.json
for name in alone shared; do
  tells "$name" "$name/sampling.json"
done
same "evaluate: sampled tokens" "$(column sampled_tokens shared/sampling.json)" "$(column sampled_tokens alone/sampling.json)"
same "evaluate --json: lines" "$(wc -l <shared.out)" 1
tells "evaluate --json" shared.out
same "evaluate --json: the measure" "$(sed 's/,"sampling":.*/}/' shared.out)" "$(cat shared/evaluation.json)"
head -n 1 alone.out | grep -q 'tokens drawn in .* KV pages in use' || complain "evaluate: no line of the sampling: $(head -n 1 alone.out)"
tail -n 1 alone.out | grep -q ' examples, F1 ' || complain "evaluate: the last line is not the scores: $(tail -n 1 alone.out)"

# Filters say it in their log.
echo '{"prompt":"The ship"}' | "$COGENT" generate --model "$tiny_model" --max-tokens 8 >generate.out 2>generate.err
grep -q '8 tokens drawn in' generate.err || complain "generate: $(cat generate.err)"
echo 'The ship sailed.' | "$COGENT" extract --model "$tiny_model" --types port --max-tokens 8 >extract.out 2>extract.err
grep -q 'tokens drawn in' extract.err || complain "extract: $(cat extract.err)"

good report report .
same "report: rows of sampling" "$(sed -n '/KV pages/,/^$/p' report.out | grep -cE '^(alone|shared|one|two|tight|enough) +(evaluate|grpo) ')" 6
finish
