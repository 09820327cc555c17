#!/bin/bash
# slurm_smoke.sh [COGENT]: launch/slurm/grpo.sbatch on two hosts with Slurm, a rank on each, with a small random model. One job runs to
# its end. Another is asked to stop, saves, requeues itself and goes on to the end: its weights are those of the first.
set -eu
source_dir=${COGENT_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
program=$(realpath "${1:-${COGENT:-$source_dir/build/release/cogent}}")
cluster=$source_dir/../shared/tools/cluster.sh

skip() {
  echo "SKIPPED: $1"
  exit 77
}
[ -f "$cluster" ] || skip "$cluster, which brings up the hosts, is absent"
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
for tool in ip munged slurmctld slurmd sbatch; do
  command -v $tool >/dev/null || PATH=$PATH:/usr/sbin command -v $tool >/dev/null || skip "$tool is not installed"
done

# The settings for one host keep Open MPI on the loopback device; these hosts have a network.
unset OMPI_MCA_btl_tcp_if_include OMPI_MCA_oob_tcp_if_include
export PATH=$PATH:/usr/sbin
work=$(mktemp -d)
trap 'bash "$cluster" down "$work/cluster" >/dev/null 2>&1; rm -rf "$work"' EXIT
bash "$cluster" up 2 "$work/cluster"
export SLURM_CONF=$work/cluster/slurm.conf
on=$work/cluster/on

fail() {
  echo "FAILED: $1" >&2
  tail -n 50 "$work"/*.log >&2 || true
  exit 1
}
# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
  local seconds=$1 what=$2 begin=$SECONDS
  shift 2
  until "$@"; do
    [ $((SECONDS - begin)) -lt "$seconds" ] || fail "$what: not after $seconds s"
    sleep 0.1
  done
}
# submit NAME: a job of 24 steps, its log in NAME.log and its run folder in NAME
submit() {
  COGENT=$program "$on" h1 sbatch --parsable --output="$work/$1.log" "$source_dir/launch/slurm/grpo.sbatch" \
    "$source_dir/configs/quickstart/grpo.yaml" "run.dir=$work/$1" "data.train=$source_dir/configs/quickstart/train.jsonl" \
    "model.path=random:hidden=48,layers=2,heads=3,kv_heads=1,head_dim=16,seed=5,tokenizer=$source_dir/tests/fixtures/models/llama_gqa3_tied" \
    train.steps=24 rollout.max_new_tokens=24 rollout.prompts_per_step=4 rollout.group_size=4 reward.length=1 optimizer.lr=1e-3 \
    cluster.threads=1
}
job_field() { "$on" h1 scontrol show job "$1" | grep -o "\b$2=[^ ]*"; }
completed() { [ "$(job_field "$1" JobState)" = JobState=COMPLETED ]; }
# column KEY NAME: the values of one key of the run's metrics
column() { grep -o "\"$1\":[^,]*" "$work/$2/metrics.jsonl" | cut -d: -f2 | xargs; }
one_process_each() { [ "$(for host in h1 h2; do ip netns pids $host | xargs -r ps -o args= -p | grep -c "^$program grpo"; done | xargs)" = "1 1" ]; }

cd "$work"
job=$(submit whole)
wait_for 60 "a rank of cogent on each host" one_process_each
wait_for 120 "the end of the job" completed "$job"
[ "$(column step whole)" = "$(seq -s " " 24)" ] || fail "the job's steps are $(column step whole)"

job=$(submit stopped)
wait_for 60 "the first step" grep -qs "grpo step 1/24" stopped.log
"$on" h1 scancel --signal=USR1 --batch "$job"
wait_for 60 "the requeue" grep -qs "put back into the queue" stopped.log
saved=$(column step stopped | awk '{ print NF }')
[ "$saved" -lt 24 ] || fail "the job was stopped behind its last step"
[ -d "stopped/checkpoints/step-$(printf %08d "$saved")" ] || fail "nothing was saved behind step $saved"
wait_for 180 "the end of the requeued job" completed "$job"
grep -q "continues behind step $saved" stopped.log || fail "the requeued job did not continue behind step $saved"
[ "$(job_field "$job" Restarts)" = Restarts=1 ] || fail "$(job_field "$job" Restarts) instead of 1"
for key in step weights_xxh3; do
  [ "$(column $key stopped)" = "$(column $key whole)" ] || fail "$key is $(column $key stopped), without a stop $(column $key whole)"
done
echo "two hosts: one job ran to its end; one saved behind step $saved, was requeued, and ended with the same weights"
