# What the integration scripts share. A script runs in its scratch folder, notes every failure and ends with finish.
# Environment, from tests/cmake/CogentTest.cmake: COGENT (the binary), COGENT_SOURCE_DIR, COGENT_MODEL and Open MPI's variables.
set -u
export LC_ALL=C.UTF-8
quickstart="$COGENT_SOURCE_DIR/configs/quickstart"
failures=0
status=0        # of the last run or launch
gone_seconds=0  # from the first rank's end to the end of mpirun and of all ranks, of the last launch

# skip REASON: ends the script as one that did not run.
skip() {
  echo "SKIP: $*"
  exit 77
}
[[ -f $COGENT_MODEL ]] || skip "$COGENT_MODEL is absent (launch/setup.sh fetches it)"
find . -mindepth 1 -delete  # what an earlier run of the script left

# What this CPU can give: the default, or `fast` where it has no AVX2 and FMA.
numerics=fast
grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo && numerics=exact
tiny_model="random:hidden=48,layers=2,heads=3,kv_heads=1,head_dim=16,intermediate=96,seed=5,tokenizer=$COGENT_MODEL"
# A GRPO run of seconds. Random text earns nothing from F1: the reward of length makes advantages that are not zero.
grpo_keys=("$quickstart/grpo.yaml" "model.path=$tiny_model" "data.train=$quickstart/train.jsonl" train.steps=6
  rollout.prompts_per_step=4 rollout.group_size=4 rollout.max_new_tokens=16 rollout.record=true reward.length=1
  optimizer.lr=1e-3 checkpoint.every_steps=2 cluster.threads=1 "numerics=$numerics")
sft_keys=("$quickstart/sft.yaml" "model.path=$tiny_model" "data.train=$PWD/cot.jsonl" train.steps=6 train.epochs=1
  sft.batch_size=4 optimizer.lr=1e-3 optimizer.warmup_ratio=0 checkpoint.every_steps=2 cluster.threads=1 "numerics=$numerics")

complain() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}
# same WHAT A B
same() { [[ $2 == "$3" ]] || complain "$1: \"$2\", expected \"$3\""; }
# holds WHAT COMMAND...: the command succeeds
holds() {
  local what=$1
  shift
  "$@" || complain "$what"
}
finish() {
  [[ $failures -eq 0 ]] && echo "passed in $SECONDS s"
  exit $((failures > 0))
}

# run NAME ARGUMENT...: cogent alone; NAME.out, NAME.err and $status are what came of it.
run() {
  local name=$1
  shift
  "$COGENT" "$@" >"$name.out" 2>"$name.err" </dev/null
  status=$?
}
# good NAME ARGUMENT...: as run, and the status is 0.
good() {
  run "$@"
  [[ $status -eq 0 ]] || complain "$1: status $status: $(tail -n 3 "$1.err")"
}

rank_pids() { pgrep -f "^$COGENT .*run.dir=$1( |\$)"; }  # RUN

# start RANKS NAME STAGE RUN KEY...: cogent under mpirun in the background.
start() {
  local ranks=$1 name=$2 stage=$3 run=$4
  shift 4
  mpirun -n "$ranks" "$COGENT" "$stage" "$@" "run.dir=$run" >"$name.out" 2>"$name.err" </dev/null &
  job=$!
}
# await RUN: the end of what start started, with $status and $gone_seconds.
await() {
  local most=0 now first_gone=
  while now=$(rank_pids "$1" | wc -l); [[ $now -gt 0 ]] || kill -0 "$job" 2>/dev/null; do
    [[ $now -gt $most ]] && most=$now
    [[ -z $first_gone && $now -lt $most ]] && first_gone=${EPOCHREALTIME/./}
    sleep 0.1
  done
  gone_seconds=0
  [[ -z $first_gone ]] || gone_seconds=$(((${EPOCHREALTIME/./} - first_gone) / 1000000))
  wait "$job"
  status=$?
  [[ $gone_seconds -lt 10 ]] || complain "$1: ranks were left over for $gone_seconds s"
}
# launch RANKS NAME STAGE RUN KEY...: start and await.
launch() {
  start "$@"
  await "$4"
}

# column NAME FILE: the member's value in each line, without quotes.
column() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" "$2"; }
# one_error NAME WHAT: exactly one line with the error level, and no crash.
error_lines() { grep -cE '^[0-9:]{8} E ' "$1.err"; }
# fails_with STATUS NAME TEXT: how the last run ended, with exactly one error sentence, which holds TEXT.
fails_with() {
  same "$2: status" "$status" "$1"
  same "$2: error lines" "$(error_lines "$2")" 1
  grep -E '^[0-9:]{8} E ' "$2.err" | grep -qE "$3" || complain "$2: no \"$3\" in: $(grep -v '^-*$' "$2.err" | head -n 5)"
}
