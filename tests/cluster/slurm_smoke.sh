#!/bin/bash
# slurm_smoke.sh [PROGRAM]: two hosts with Slurm; launch/slurm/grpo.sbatch runs PROGRAM (in place of cogent) with a rank on each, is
# asked to stop, requeues itself, and ends with 0. PROGRAM prints its host and "restarts N", and exits with 85 on SIGUSR1.
set -eu
source_dir=${COGENT_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${1:-${COGENT_BINARY_DIR:-$source_dir/build/dev}/tests/job_stand_in}
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
log=$work/job.log
trap 'bash "$cluster" down "$work/cluster" >/dev/null 2>&1; rm -rf "$work"' EXIT
bash "$cluster" up 2 "$work/cluster"
export SLURM_CONF=$work/cluster/slurm.conf
on=$work/cluster/on

fail() {
  echo "FAILED: $1" >&2
  cat "$log" >&2 || true
  exit 1
}
wait_for() {  # text
  for _ in $(seq 600); do
    grep -qs "$1" "$log" && return
    sleep 0.1
  done
  fail "\"$1\" is not in the job's log after 60 s"
}

cd "$work"
job=$(COGENT=$program "$on" h1 sbatch --parsable --output="$log" "$source_dir/launch/slurm/grpo.sbatch" run.yaml train.steps=2)
wait_for "on h1, restarts 0"
wait_for "on h2, restarts 0"
"$on" h1 scancel --signal=USR1 --batch "$job"
wait_for "put back into the queue"
wait_for "on h1, restarts 1"
wait_for "on h2, restarts 1"
for _ in $(seq 300); do
  state=$("$on" h1 scontrol show job "$job" | grep -o 'JobState=[A-Z]*')
  [ "$state" = JobState=COMPLETED ] && break
  sleep 0.1
done
[ "$state" = JobState=COMPLETED ] || fail "the job ended as $state"
grep -q "arguments grpo run.yaml" "$log" || fail "the arguments did not reach the program"
echo "stopped with 85 on two hosts, requeued, completed"
