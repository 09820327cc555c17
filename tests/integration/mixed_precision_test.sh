#!/bin/bash
# model.compute: bfloat16 through the real binary: both stages train by it beside float32, are continued, and sample with it; the filters
# and evaluate compute so too, and numerics: exact refuses it.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

mixed=(numerics=fast model.compute=bfloat16)
hashes() { column weights_xxh3 "$1/metrics.jsonl" | xargs; }
# near WHAT A B TOLERANCE: lists of numbers, one by one.
near() {
  paste <(tr ' ' '\n' <<<"$2") <(tr ' ' '\n' <<<"$3") |
    awk -v t="$4" '{ d = $1 - $2; if (NF != 2 || d > t || d < -t) exit 1 }' || complain "$1: $2, expected $3 within $4"
}
# resumed NAME STAGE KEY...: killed in its 4th update and continued, it has the weights of NAME.
resumed() {
  local name=$1 stage=$2
  shift 2
  COGENT_FAULT=update:3 launch 2 "$name-kill" "$stage" "$name-kill" "$@"
  [[ $status -ne 0 ]] || complain "$name-kill: the fault did not end the run"
  launch 2 "$name-again" "$stage" "$name-kill" "$@"
  same "$name-again: status" "$status" 0
  holds "$name-again: continued" grep -qE 'continues behind step [1-9]' "$name-again.err"
  same "$name-again: weights of each step" "$(hashes "$name-kill")" "$(hashes "$name")"
}

good annotate annotate --teacher rationale --input "$quickstart/train.jsonl" --labels "$quickstart/labels.json" --output cot.jsonl

# SFT by two learners: a fall of the loss like that of float32.
launch 2 sft-plain sft sft-plain "${sft_keys[@]}" numerics=fast
launch 2 sft sft sft "${sft_keys[@]}" "${mixed[@]}"
same "sft: status" "$status" 0
same "sft: steps" "$(column step sft/metrics.jsonl | xargs)" "1 2 3 4 5 6"
near "sft: losses" "$(column loss sft/metrics.jsonl | xargs)" "$(column loss sft-plain/metrics.jsonl | xargs)" 0.02
column loss sft/metrics.jsonl | awk 'NR == 1 { first = $1 } END { exit !($1 < first) }' || complain "sft: the loss does not fall: $(column loss sft/metrics.jsonl | xargs)"
[[ $(hashes sft) != "$(hashes sft-plain)" ]] || complain "sft: the weights of a run in float32"
warnings=0
grep -qw avx512_bf16 /proc/cpuinfo || warnings=1
same "sft: warnings of slow computation" "$(grep -c 'without AVX512-BF16' sft.err)" "$warnings"
resumed sft sft "${sft_keys[@]}" "${mixed[@]}"
launch 2 sft-parts sft sft-parts "${sft_keys[@]}" "${mixed[@]}" learner.shard=parameters learner.recompute=full train.eval_every=3 \
  train.eval_limit=4 "data.dev=$quickstart/dev.jsonl" evaluate.max_new_tokens=8
same "sft-parts: status" "$status" 0
near "sft-parts: losses" "$(column loss sft-parts/metrics.jsonl | xargs)" "$(column loss sft-plain/metrics.jsonl | xargs)" 0.02

# GRPO: sampler and learner compute alike up to rounding, and how far apart they are is in the metrics.
launch 2 grpo grpo grpo "${grpo_keys[@]}" "${mixed[@]}"
same "grpo: status" "$status" 0
same "grpo: steps" "$(column step grpo/metrics.jsonl | xargs)" "1 2 3 4 5 6"
column ratio_max_deviation grpo/metrics.jsonl | awk '!($1 >= 0 && $1 < 0.1) { exit 1 }' ||
  complain "grpo: ratio_max_deviation $(column ratio_max_deviation grpo/metrics.jsonl | xargs)"
sed -n 's/.*"logprob_differences":\[\([^]]*\).*/\1/p' grpo/metrics.jsonl | awk -F, '{ s = 0; for (i = 1; i <= NF; ++i) s += $i; if (s < 1 || $8 + $9 > 0) exit 1 }' ||
  complain "grpo: log-probabilities of sampler and learner differ by 0.1 and more, or none was compared"
column grad_norm grpo/metrics.jsonl | awk '!($1 > 0) { exit 1 }' || complain "grpo: a step without a gradient"
resumed grpo grpo "${grpo_keys[@]}" "${mixed[@]}"
launch 2 colocated grpo colocated "${grpo_keys[@]}" "${mixed[@]}" train.steps=2 cluster.placement=colocated cluster.learners=2 cluster.workers=2 \
  learner.shard=parameters
same "colocated: status" "$status" 0
launch 2 lora grpo lora "${grpo_keys[@]}" "${mixed[@]}" train.steps=2 lora.rank=4
same "lora: status" "$status" 0
same "lora: steps" "$(column step lora/metrics.jsonl | xargs)" "1 2"

# The weights that are kept are float32.
good export export sft --out exported --dtype float32
good export-rounded export sft --out rounded --dtype bfloat16
holds "export: bfloat16 weights in the checkpoint" test "$(stat -c %s exported/model.safetensors)" -gt "$(stat -c %s rounded/model.safetensors)"

good evaluate evaluate "$quickstart/evaluate.yaml" model.path=sft "data.test=$quickstart/dev.jsonl" evaluate.max_new_tokens=8 cluster.threads=1 \
  "${mixed[@]}" run.dir=evaluate
holds "evaluate: predictions" test -s evaluate/predictions/test.jsonl

# Filters: near float32, the same whatever --weights says.
ids='{"ids":[1,504,905,42,7]}'
for types in "float32 bfloat16" "bfloat16 bfloat16" "bfloat16 float32"; do
  read -r weights compute <<<"$types"
  "$COGENT" logprobs --model "$tiny_model" --weights "$weights" --compute "$compute" <<<"$ids" >"logprobs-$weights-$compute.out" 2>logprobs.err ||
    complain "logprobs: $(tail -n 3 logprobs.err)"
done
holds "logprobs: --compute takes other weights" cmp logprobs-float32-bfloat16.out logprobs-bfloat16-bfloat16.out
cmp -s logprobs-bfloat16-bfloat16.out logprobs-bfloat16-float32.out && complain "logprobs: --compute changes nothing"
values() { sed 's/.*\[//; s/\].*//' "$1" | tr ',' ' '; }
near "logprobs" "$(values logprobs-bfloat16-bfloat16.out)" "$(values logprobs-bfloat16-float32.out)" 0.02
for name in once again; do
  "$COGENT" generate --model "$tiny_model" --compute bfloat16 --max-tokens 8 --n 3 <<<'{"prompt":"The ship"}' >"$name.out" 2>"$name.err" ||
    complain "generate: $(tail -n 3 "$name.err")"
done
holds "generate: one seed, two results" cmp once.out again.out
"$COGENT" extract --model "$tiny_model" --compute bfloat16 --types person --max-tokens 8 <<<'Ada sailed.' >extract.out 2>extract.err ||
  complain "extract: $(tail -n 3 extract.err)"
run bad-compute logprobs --model "$tiny_model" --compute float16
fails_with 2 bad-compute 'compute'

run exact sft "${sft_keys[@]}" numerics=exact model.compute=bfloat16 run.dir=exact
fails_with 2 exact 'model.compute is bfloat16 and numerics is exact.* set numerics: fast, or model.compute: float32'
run exact-plan plan --stage sft "${sft_keys[@]}" numerics=exact model.compute=bfloat16 run.dir=exact
fails_with 2 exact-plan 'set numerics: fast'
finish
