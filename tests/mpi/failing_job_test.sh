#!/bin/bash
# One rank fails: every rank is gone within seconds, with the documented exit status and a sentence. The bounds leave room for a
# busy machine and sanitizers, and stay below the deadlines.
set -u
job="$COGENT_BINARY_DIR/tests/failing_job"
failures=0

# expect STATUS SECONDS TEXT ARGUMENT...: how the job of three ranks ends
expect() {
  local status=$1 seconds=$2 text=$3 begin=$SECONDS
  shift 3
  timeout 90 mpirun -n 3 "$job" "$@" >output.log 2>&1
  local got=$? took=$((SECONDS - begin))
  if [ $got -ne "$status" ] || [ $took -gt "$seconds" ] || ! grep -q "$text" output.log; then
    echo "failing_job $*: status $got (expected $status), $took s (at most $seconds), text \"$text\" in:"
    cat output.log
    failures=$((failures + 1))
  fi
  if pgrep -f "^$job " >/dev/null; then
    echo "failing_job $*: ranks are left over"
    failures=$((failures + 1))
  fi
}

expect 0 60 "rank 2: done" none
expect 3 30 "rank 1: rank 1 read a bad line" throw
expect 3 30 "rank 1 read a bad line" throw unwound
expect 7 30 "rank 1: rank 1 met a value" lost-work
expect 7 30 "rank 1 met a value" lost-work unwound
expect 77 30 "" status
expect 6 30 'rank [02]: all_reduce 2 "gradients" .* of communicator world' absent
exit $failures
