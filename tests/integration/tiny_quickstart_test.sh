#!/bin/bash
# The quickstart on a small random model: every part runs, and every step changes the weights.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

# changes RUN: every line of its metrics has other weights than the others.
changes() {
  local steps
  steps=$(wc -l <"$1/metrics.jsonl")
  [[ $steps -gt 1 ]] || complain "$1: $steps steps"
  same "$1: distinct weights" "$(column weights_xxh3 "$1/metrics.jsonl" | sort -u | wc -l)" "$steps"
}

bash "$COGENT_SOURCE_DIR/launch/quickstart.sh" --tiny --dir "$PWD/out" >quickstart.out 2>quickstart.err </dev/null
status=$?
same "status" "$status" 0
[[ $status -eq 0 ]] || tail -n 5 quickstart.err
for stage in annotate evaluate sft grpo results; do
  holds "no stage $stage" grep -q "^== $stage" quickstart.out
done
[[ $(sed -n '/^== results/,$p' quickstart.out | grep -cE '(base|sft|grpo).*[0-9]') -ge 3 ]] || complain "no table of three models behind \"== results\""
holds "no report.html" test -s out/report.html
for run in out/sft out/grpo; do
  changes "$run"
  column grad_norm "$run/metrics.jsonl" | awk '!($1 > 0) { exit 1 }' || complain "$run: a step without a gradient: $(column grad_norm "$run/metrics.jsonl" | xargs)"
done
finish
