#!/usr/bin/env bash
# The whole method on one machine: set-up, build, then annotate -> sft -> grpo -> evaluate, with a table and a page of results at the end.
#   launch/quickstart.sh            SmolLM2-135M on the embedded sentences
#   launch/quickstart.sh --tiny     a small random model, in two minutes: every part runs, nothing is learned
#   launch/quickstart.sh --dir DIR  where the results go (runs/quickstart, or runs/quickstart-tiny)
# An interrupted quickstart continues where it was.
set -euo pipefail
cd "$(dirname "$0")/.."

tiny=no
dir=
while [[ $# -gt 0 ]]; do
  case $1 in
    --tiny) tiny=yes ;;
    --dir) dir=${2:?--dir needs a folder}; shift ;;
    *) echo "quickstart: unknown option $1 (--tiny and --dir DIR are known)" >&2; exit 2 ;;
  esac
  shift
done
[[ -n $dir ]] || { [[ $tiny == yes ]] && dir=runs/quickstart-tiny || dir=runs/quickstart; }

began=$SECONDS
[[ -n ${COGENT:-} ]] || launch/setup.sh
cogent=${COGENT:-build/release/cogent}
if [[ -z ${COGENT:-} ]]; then
  echo "quickstart: building"
  cmake --preset release >/dev/null
  cmake --build --preset release --parallel "$(nproc)" -- --quiet
fi
set -a
# shellcheck source=launch/mpi.env
. launch/mpi.env
set +a
mkdir -p "$dir"
built=$SECONDS

base=.deps/model/SmolLM2-135M-Instruct.gguf
sft_keys=() grpo_keys=() evaluate_keys=()
if [[ $tiny == yes ]]; then
  base="random:hidden=48,layers=2,heads=3,kv_heads=1,head_dim=16,intermediate=96,seed=5,tokenizer=$base"
  sft_keys=(train.steps=4 sft.batch_size=4 optimizer.lr=1e-3 optimizer.warmup_ratio=0)
  # Random text earns nothing from F1: the share of the token budget varies, so advantages and updates are not zero.
  grpo_keys=(train.steps=4 rollout.max_new_tokens=24 rollout.prompts_per_step=4 rollout.group_size=4 reward.length=1 optimizer.lr=1e-3)
  evaluate_keys=(evaluate.max_new_tokens=24)
fi

# The default, numerics: exact, needs AVX2 and FMA.
if ! grep -qw avx2 /proc/cpuinfo || ! grep -qw fma /proc/cpuinfo; then
  echo "quickstart: this CPU has no AVX2 and FMA: numerics: fast"
  sft_keys+=(numerics=fast)
  grpo_keys+=(numerics=fast)
fi

stage() { echo; echo "== $1"; }

stage "annotate: chains of thought for the training sentences"
"$cogent" annotate --teacher rationale --input configs/quickstart/train.jsonl --labels configs/quickstart/labels.json \
  --output "$dir/cot.jsonl" --rejected "$dir/rejected.jsonl"

stage "evaluate: the base model"
"$cogent" evaluate configs/quickstart/evaluate.yaml model.path="$base" run.dir="$dir/base" "${evaluate_keys[@]}" | tail -n 1

stage "sft: CoT tuning"
"$cogent" sft configs/quickstart/sft.yaml model.path="$base" data.train="$dir/cot.jsonl" run.dir="$dir/sft" "${sft_keys[@]}"
"$cogent" evaluate configs/quickstart/evaluate.yaml model.path="$dir/sft" run.dir="$dir/sft-test" "${evaluate_keys[@]}" | tail -n 1

stage "grpo: one worker and one learner"
mpirun -n 2 "$cogent" grpo configs/quickstart/grpo.yaml model.path="$dir/sft" run.dir="$dir/grpo" "${grpo_keys[@]}"
"$cogent" evaluate configs/quickstart/evaluate.yaml model.path="$dir/grpo" run.dir="$dir/grpo-test" "${evaluate_keys[@]}" | tail -n 1

stage "results"
"$cogent" report "$dir"
printf 'set-up and build %d s, the run %d s\n' "$((built - began))" "$((SECONDS - built))"
printf 'results: %s (report.html, and a folder a stage with metrics.jsonl, checkpoints/ and predictions/)\n' "$dir"
